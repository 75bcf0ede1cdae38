#!/usr/bin/python3
"""In the machine: the least that a program can do between a button and a relay; what the agent is measured against.

    bare_loop.py CHIP BUTTON RELAY DEBOUNCE_US      a line on standard output when it listens; until SIGTERM

One line request each (GPIO uAPI v2), the kernel's debounce, epoll, one ioctl a press: the relay is high while the
button is down. Standard library only, and no line of it is the agent's.
"""

import fcntl
import os
import select
import struct
import sys

GET_LINE, SET_VALUES = 0xC250B407, 0xC010B40F
INPUT, OUTPUT, RISING, FALLING, PULL_UP = 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 8
DEBOUNCE = 3
EVENT = struct.Struct("=QIIII24x")


def request(chip: int, pin: int, flags: int, debounce_us: int = 0) -> int:
    """One line; its descriptor."""
    attribute = struct.pack("=III4xQ", DEBOUNCE, 0, debounce_us, 1) if debounce_us else b""
    config = struct.pack("=QI20x240s", flags, bool(attribute), attribute)
    asked = bytearray(struct.pack("=I252x32s272sII20xi", pin, b"bare-loop", config, 1, 0, 0))
    fcntl.ioctl(chip, GET_LINE, asked, True)
    return int(struct.unpack_from("=i", asked, len(asked) - 4)[0])


def main(path: str, button: str, relay: str, debounce_us: str) -> None:
    """Listen for ever."""
    chip = os.open(path, os.O_RDONLY)
    output = request(chip, int(relay), OUTPUT)
    edges = request(chip, int(button), INPUT | RISING | FALLING | PULL_UP, int(debounce_us))
    waiting = select.epoll()
    waiting.register(edges, select.EPOLLIN)
    print("listening", flush=True)
    while True:
        waiting.poll()
        _, kind, _, _, _ = EVENT.unpack(os.read(edges, EVENT.size))
        fcntl.ioctl(output, SET_VALUES, struct.pack("=QQ", kind == 2, 1))  # 2: falling, the button is down


if __name__ == "__main__":
    main(*sys.argv[1:])
