"""The machine as a box with diemcau on it, laid out as its unit files expect.

A release is the checkout's code in a folder of its own under ``/opt/diemcau/releases``; ``/opt/diemcau/current`` points
to one of them. The Python under all of them is the image's.
"""

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.adapters.quick_crashes import FILE as QUICK_CRASHES
from tests.vm.image import CHECKOUT
from tests.vm.machine import Machine
from tests.vm.trace import Entry, parse

SITE = "chi-linh"
AGENT = "diemcau-agent"
HOME = "/opt/diemcau"
STATE = "/var/lib/diemcau"
GUEST = Path(__file__).with_name("guest")
STORM = ["tests/__init__.py", "tests/hw/__init__.py", "tests/hw/udev_storm.py"]
PROGRAM = """#!/bin/sh
export PYTHONPATH={release}
exec {home}/python/bin/python -m agent "$@"
"""
IDENTITY = f"""
site = "{SITE}"
[broker]
url = "mqtt://localhost:1883"
"""


class Box:
    """What a technician would do on a box, as commands in the machine. Every call returns when it is done."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.run = machine.run

    # --- laying it out ---

    def lay_out(self) -> None:
        """All but the agent: helpers, units, broker, identity."""
        self.run(f"mkdir -p {HOME}/test && tar -xC {HOME}/test", _tar(GUEST, ["."]))
        units = [path.name for kind in ("service", "socket") for path in (CHECKOUT / "systemd").glob(f"*.{kind}")]
        self.run("tar -xC /etc/systemd/system", _tar(CHECKOUT / "systemd", units))
        self.run(f"mkdir -p {HOME}/test/tests/hw && tar -xC {HOME}/test", _tar(CHECKOUT, STORM))
        self.run(f"touch {HOME}/test/tests/hw/own_network.py")  # which storm.py has no use for
        self.run(f"mv {HOME}/test/*.service /etc/systemd/system/")
        self.machine.write("/etc/diemcau/agent.toml", IDENTITY)
        self.run("systemctl daemon-reload && systemctl enable --now -q mosquitto diemcau-test-lines")
        self.run(f"systemctl enable -q {AGENT}")

    def install(self, version: str) -> None:
        """A release beside the others, and `current` moved to it in one step; what runs goes on until a restart."""
        release = f"{HOME}/releases/{version}"
        self.run(f"mkdir -p {release} && tar -xC {release}", _tar(CHECKOUT, ["agent", "hw"]))
        self.machine.write(f"{release}/bin/diemcau", PROGRAM.format(release=release, home=HOME), "755")
        about = f"Metadata-Version: 2.1\nName: diemcau\nVersion: {version}\n"
        self.machine.write(f"{release}/diemcau-{version}.dist-info/METADATA", about)
        # As pip does: the agent itself may not write there, and would compile its text anew at every start.
        self.run(f"{HOME}/python/bin/python -m compileall -qj2 {release}", timeout_s=300)
        self.run(f"ln -sfn {release} {HOME}/next && mv -T {HOME}/next {HOME}/current && sync")

    def broker_url(self) -> str:
        """Where the box's broker can be reached from here, until the machine is switched off."""
        return f"mqtt://127.0.0.1:{self.machine.forward(1883)}"

    # --- the service ---

    def begin(self, room: str) -> None:
        """Start as a new box would: no state, no kept descriptor, all loads released."""
        self.forget()
        self.machine.write("/etc/diemcau/room.toml", room)
        self.run(f"systemctl start {AGENT}")

    def forget(self) -> None:
        """Stop it, and have nothing left of it but its files: systemd lets go of the lines."""
        self.run(f"systemctl stop {AGENT} && rm -rf {STATE}/*")
        if self.kept():
            self.run(f"systemctl clean --what=fdstore {AGENT}")
        # It says that it has let go, and does so a moment later.
        self.run("until ! gpioinfo | grep -q diemcau; do sleep 0.1; done", timeout_s=20)

    def restart(self) -> None:
        """SIGTERM, and start."""
        self.run(f"systemctl restart {AGENT}")

    def stop_and_start(self) -> None:
        """Stopped for good, as far as systemd knows, and started again."""
        self.run(f"systemctl stop {AGENT} && systemctl start {AGENT}")

    def kill(self, is_alone: bool = True) -> None:
        """kill -9, and systemd starts it again.

        Args:
            is_alone: A crash of its own, whatever has been before; else one more of those in quick succession.
        """
        self._end_with("KILL", is_alone)

    def hang(self) -> None:
        """It stops in the middle of whatever it does, until the unit's watchdog ends it and it is started again."""
        self._end_with("STOP")

    def _end_with(self, signal: str, is_alone: bool = True) -> None:
        if is_alone:  # after five quick crashes a start is a safe one, which is another test's
            self.run(f"rm -f {STATE}/{QUICK_CRASHES}")
        again = f"[ $(systemctl show -P MainPID {AGENT}) != $old ] && systemctl is-active -q {AGENT}"
        self.run(f"old={self.pid()}; kill -{signal} $old; until {again}; do sleep 0.5; done")

    def pid(self) -> int:
        """The running agent's process; 0: none."""
        return int(self.run(f"systemctl show -P MainPID {AGENT}"))

    def threads(self) -> int:
        """How many the running agent has, as the kernel counts them."""
        return int(self.run(f"ls /proc/{self.pid()}/task | wc -l"))

    def kept(self) -> int:
        """How many descriptors systemd keeps for it."""
        return int(self.run(f"systemctl show -P NFileDescriptorStore {AGENT}"))

    def is_active(self) -> bool:
        """Whether it runs and has said that it is ready."""
        return self.run(f"systemctl is-active {AGENT} || true").strip() == "active"

    def journal(self) -> list[str]:
        """What the agent has said since its last start."""
        since = f"_SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID {AGENT})"
        return self.run(f"journalctl -o cat {since}").splitlines()

    # --- button, lines, and the trace of them ---

    def press(self, for_s: float = 0.12) -> None:
        """Press the button and let go."""
        self.run(f"python3 {HOME}/test/finger.py press {for_s}")

    def levels(self, pins: tuple[int, ...]) -> dict[int, int]:
        """What is on these lines now, by pin."""
        return dict(zip(pins, map(int, self.lines("level", *pins).split()), strict=True))

    def trace(self) -> list[Entry]:
        """What happened to the lines since the trace was cleared, or since the boot."""
        return parse(self.lines("trace"))

    def lines(self, *words: object) -> str:
        """An order to guest/lines.py."""
        return self.run(" ".join(["python3", f"{HOME}/test/lines.py", *map(str, words)]))

    @contextmanager
    def watched(self) -> Iterator[list[Entry]]:
        """The trace of what is done inside, when it is over."""
        self.lines("clear")
        entries: list[Entry] = []
        yield entries
        entries += self.trace()


def _tar(folder: Path, names: list[str]) -> bytes:
    def wanted(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
        info.uid = info.gid = 0
        info.uname = info.gname = "root"
        return None if "__pycache__" in info.name else info

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in names:
            archive.add(folder / name, name, filter=wanted)
    return packed.getvalue()
