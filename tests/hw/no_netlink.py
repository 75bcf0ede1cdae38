"""What ``RestrictAddressFamilies=`` of a unit does, for a program that a test starts: no netlink socket is given.

By the kernel's own filter of system calls, so that libudev is refused where it really asks.
"""

import ctypes
import errno
import platform
import socket
import struct

SOCKET_CALL = {"x86_64": 41, "aarch64": 198}  # source: the kernel's tables of system calls
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2  # source: prctl(2)
ALLOW, ERRNO = 0x7FFF0000, 0x00050000  # source: seccomp(2)
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # source: bpf_common.h: 32 bits at an offset; a comparison; the end
CALL_AT, FIRST_ARGUMENT_AT = 0, 16  # in struct seccomp_data; the lower half of the argument


class Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("steps", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def forbid() -> None:
    """For this process, for good. Raises KeyError on a processor whose table is not here, OSError if it may not be."""
    steps = (
        (LOAD, 0, 0, CALL_AT),
        (EQUAL, 0, 3, SOCKET_CALL[platform.machine()]),
        (LOAD, 0, 0, FIRST_ARGUMENT_AT),
        (EQUAL, 0, 1, socket.AF_NETLINK),
        (RETURN, 0, 0, ERRNO | errno.EAFNOSUPPORT),
        (RETURN, 0, 0, ALLOW),
    )
    program = Program(len(steps), b"".join(struct.pack("=HBBI", *step) for step in steps))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")
