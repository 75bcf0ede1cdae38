"""One machine under QEMU: boot, run commands by ssh, pull the plug, boot again on the same disk.

Emulated (TCG), never KVM: few CI machines have it, and on some that do Debian's kernel crashes under it.
"""

import json
import shlex
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.adapters.mosquitto import free_port
from agent.adapters.processes import spawn
from tests.vm.image import Image

# Seen once in some hundred boots on a busy machine: the emulated kernel lost its way where it had just changed its own
# code, and began anew by itself (panic=-1). That has to have its time too.
BOOTS_WITHIN_S = 600.0
PROCESSORS, MEMORY_MB = 2, 768
# OpenCV uses AVX where it is there, and emulated it is five times slower than what it does without. So are copies by
# one instruction (erms): QEMU goes through them byte by byte.
PROCESSOR = "max,avx=off,avx2=off,fma=off,f16c=off,erms=off,fsrm=off"
# What udev loads in a boot for hardware that QEMU has and no test uses.
NOT_LOADED = "kvm_amd,kvm,powernow_k8,cfg80211,iTCO_wdt,iTCO_vendor_support,lpc_ich,i2c_i801,psmouse,pcspkr"
SECURITY_MODULES = "landlock,lockdown,yama,integrity"  # Debian's but for AppArmor, and BPF, whose start takes seconds
# Memory that is not cleared before each use, and no self-tests of ciphers: nothing here is about either.
LESS_WORK = "mitigations=off init_on_alloc=0 cryptomgr.notests"
COMMAND_LINE = f"console=ttyS0 quiet panic=-1 {LESS_WORK} module_blacklist={NOT_LOADED} lsm={SECURITY_MODULES}"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
NO_SOUND = "silence"  # where QEMU's sound cards play to


class MachineError(AssertionError):
    """A command in the machine failed, or the machine itself; the text has what it said."""


class Machine:
    """A machine on an overlay of the image, which a power cut leaves as it is and ``close`` deletes. It has a hardware
    watchdog (i6300esb) that resets it once somebody in there has begun to feed it and no longer does.

    Args:
        image: What it boots from.
        folder: Temporary; disk and console log lie there.
    """

    def __init__(self, image: Image, folder: Path) -> None:
        self._image, self._folder = image, folder
        self._disk = folder / "disk.qcow2"
        self._sockets = tempfile.TemporaryDirectory(prefix="diemcau-vm-")  # short: a socket's path has 108 bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._forwarded: dict[int, int] = {}

    def boot(self, is_locked: bool = False, clock: str = "utc") -> float:
        """Switch it on, and return when commands can be run: after how many seconds.

        Args:
            is_locked: Its disk takes no more writes, as a worn card does.
            clock: What its clock says then, as QEMU's ``-rtc base=`` takes it.
        """
        began_s = time.monotonic()
        self.switch_on(is_locked, clock)
        self._wait_for_ssh(began_s + BOOTS_WITHIN_S)
        return time.monotonic() - began_s

    def switch_on(self, is_locked: bool = False, clock: str = "utc") -> None:
        """As ``boot``, and wait for nothing."""
        assert self._process is None, "it is running"
        if not self._disk.exists():
            backing = ["-F", "raw", "-b", str(self._image.disk)]
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, str(self._disk)], check=True)
        self._port = free_port()
        # Not a pipe, which would wait for whoever QEMU leaves behind.
        with (self._folder / "qemu.log").open("ab") as log:
            self._process = spawn(self._argv(is_locked, clock), subprocess.DEVNULL, log)

    def run(self, command: str, text: str | bytes = "", timeout_s: float = 120) -> str:
        """Run a shell command as root in there; gives its standard output.

        Raises:
            MachineError: It failed or did not end in time.
        """
        done = self._ssh([command], text, timeout_s)
        if done.returncode:
            raise MachineError(f"{command!r} ended with {done.returncode}:\n{_text(done.stdout)}{_text(done.stderr)}")
        return _text(done.stdout)

    def write(self, path: str, text: str, mode: str = "644") -> None:
        """Write a file in there."""
        where = shlex.quote(path)
        self.run(f"mkdir -p $(dirname {where}) && cat >{where} && chmod {mode} {where}", text)

    def forward(self, port: int) -> int:
        """A port of this machine that leads to one on the loopback in there, until it is switched off."""
        if port not in self._forwarded:
            self._forwarded[port] = free_port()
            self._control("forward", "-L", f"127.0.0.1:{self._forwarded[port]}:127.0.0.1:{port}")
        return self._forwarded[port]

    def power_cut(self) -> None:
        """Pull the plug: what the machine did not bring to its disk is lost."""
        if self._process is not None:
            self._hang_up()
            self._process.kill()
            self._process.wait()
            self._process = None

    def comes_back(self, boot: str) -> float:
        """Whatever ends the machine that runs now, wait until the next one takes commands: after how many seconds.

        Args:
            boot: What ``boot_id`` gave before.
        """
        began_s = time.monotonic()
        self._hang_up()
        self._wait_for_ssh(began_s + BOOTS_WITHIN_S, f"! grep -q {boot} {BOOT_ID}")
        return time.monotonic() - began_s

    def boot_id(self) -> str:
        """Another one each time that it boots."""
        return self.run(f"cat {BOOT_ID}").strip()

    @contextmanager
    def plugged(self, driver: str, **options: str) -> Iterator[None]:
        """A USB device of QEMU's own is plugged in inside, and pulled after it."""
        self._order("device_add", driver=driver, id="plugged", bus="usb.0", **options)
        try:
            yield
        finally:
            self._order("device_del", id="plugged")

    def shut_down(self) -> None:
        """Shut it down in order."""
        assert self._process is not None
        self._ssh(["systemctl poweroff"], "", 30)
        self._hang_up()
        self._process.wait(120)
        self._process = None

    def close(self) -> None:
        """Power cut, and no file is left but the logs. Safe to call twice."""
        self.power_cut()
        self._disk.unlink(missing_ok=True)
        self._sockets.cleanup()

    def _argv(self, is_locked: bool, clock: str) -> list[str]:
        drive = f"file={self._disk},if=virtio,format=qcow2,discard=unmap,readonly={'on' if is_locked else 'off'}"
        root = f"root=/dev/vda {'ro' if is_locked else 'rw'}"
        return [
            # Before the tests beside it, which end earlier; where that is not permitted, it goes on all the same.
            *("nice", "-n", "-10"),
            *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none"),
            *("-machine", "q35,sata=off,smbus=off", "-accel", "tcg,thread=multi", "-cpu", PROCESSOR),
            *("-m", str(MEMORY_MB), "-smp", str(PROCESSORS), "-rtc", f"base={clock}"),
            *("-kernel", str(self._image.kernel), "-initrd", str(self._image.initrd)),
            *("-append", f"{root} {COMMAND_LINE}"),
            *("-drive", drive, "-drive", f"file={self._image.stick},if=virtio,format=raw,readonly=on"),
            *("-device", "virtio-rng-pci"),
            # restrict: nothing of this machine or beyond can be reached from in there.
            *("-nic", f"user,model=virtio-net-pci,restrict=on,hostfwd=tcp:127.0.0.1:{self._port}-:22"),
            *("-serial", f"file:{self._folder / 'console.log'}"),
            *("-qmp", f"unix:{self._sockets.name}/qmp,server=on,wait=off"),
            *("-device", "qemu-xhci,id=usb", "-audiodev", f"none,id={NO_SOUND}"),
            *("-device", "i6300esb", "-action", "watchdog=reset"),
        ]

    def _wait_for_ssh(self, until_s: float, answers: str = "true") -> None:
        assert self._process is not None
        while time.monotonic() < until_s:
            if self._process.poll() is not None:
                raise MachineError(f"QEMU ended: {(self._folder / 'qemu.log').read_text()[-2000:]}")
            try:
                if self._ssh([answers], "", 20).returncode == 0:
                    return
                self._hang_up()
            except MachineError:  # it listens already, and is too busy to answer
                continue
            time.sleep(0.2)
        raise MachineError(f"it did not boot: {(self._folder / 'console.log').read_text(errors='replace')[-2000:]}")

    def _ssh(self, words: list[str], text: str | bytes, timeout_s: float) -> "subprocess.CompletedProcess[bytes]":
        # One connection for all commands: a new one costs an emulated processor a second.
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=5"]
        options += ["ControlMaster=auto", f"ControlPath={self._sockets.name}/ssh", "ControlPersist=yes"]
        argv = ["ssh", "-F", "none", "-i", str(self._image.key), "-p", str(self._port)]
        argv += [word for option in options for word in ("-o", option)]
        data = text.encode() if isinstance(text, str) else text
        try:
            return subprocess.run([*argv, "root@127.0.0.1", *words], input=data, capture_output=True, timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise MachineError(f"{words} did not end within {timeout_s:.0f} s") from error

    def _hang_up(self) -> None:
        """End the ssh connection, whose process would wait for a machine that is gone."""
        self._control("exit")
        self._forwarded.clear()

    def _control(self, order: str, *words: str) -> None:
        """One order to the ssh that holds the connection."""
        argv = ["ssh", "-F", "none", "-o", f"ControlPath={self._sockets.name}/ssh", "-O", order, *words]
        subprocess.run([*argv, "root@127.0.0.1"], capture_output=True)

    def _order(self, name: str, **arguments: str) -> Any:
        """One order to QEMU (QMP)."""
        with socket.socket(socket.AF_UNIX) as end:
            end.connect(f"{self._sockets.name}/qmp")
            lines = end.makefile("rw")
            lines.readline()  # its greeting
            for order, words in (("qmp_capabilities", {}), (name, arguments)):
                lines.write(json.dumps({"execute": order, "arguments": words}) + "\n")
                lines.flush()
                while "event" in (answer := json.loads(lines.readline())):
                    pass
            if "error" in answer:
                raise MachineError(f"QEMU refuses {name}: {answer['error'].get('desc')}")
            return answer


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")
