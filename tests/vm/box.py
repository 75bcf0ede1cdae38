"""The machine as a box: blank, then set up by ``install.sh`` as a technician would, and used.

What the tests themselves need in there (the pins, the finger, USB devices) lies in ``/root/test``, the checkout in
``/root/diemcau``, and what a machine without internet wants brought along on a disk of its own, the stick.
"""

import io
import shlex
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.adapters.quick_crashes import FILE as QUICK_CRASHES
from agent.installer import source
from tests.conftest import wait_for
from tests.vm.image import CHECKOUT
from tests.vm.machine import Machine
from tests.vm.rooms import LOADS
from tests.vm.trace import Entry, parse

SITE = "chi-linh"
AGENT = "diemcau-agent"
HOME = "/opt/diemcau"
STATE = "/var/lib/diemcau"
PYTHON = f"{HOME}/current/bin/python"
GUEST = Path(__file__).with_name("guest")
TEST, SOURCE, STICK = "/root/test", "/root/diemcau", "/media/stick"
STORM = ["tests/__init__.py", "tests/hw/__init__.py", "tests/hw/udev_storm.py"]
IDENTITY = f"""
site = "{SITE}"
[broker]
url = "mqtt://localhost:1883"
"""
GIVEN_IDENTITY, GIVEN_ROOM, GIVEN_MODEL = "/root/agent.toml", "/root/room.toml", "/root/yunet_n_640_640.onnx"
# Emulated, Python packages are unpacked and compiled in a minute or two.
INSTALLS_WITHIN_S = 1200.0
TRIAL_S = 5


class Box:
    """What a technician would do on a box, as commands in the machine. Every call returns when it is done."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.run = machine.run

    # --- laying it out ---

    def lay_out(self) -> None:
        """What is there before a box is set up: the pins, the centre's broker, and what the technician has with him."""
        self.run(f"mkdir -p {TEST}/tests/hw {STICK} && tar -xC {TEST}", _tar(GUEST, ["."]))
        self.run(f"tar -xC {TEST}", _tar(CHECKOUT, STORM))
        self.run(f"touch {TEST}/tests/hw/own_network.py")  # which storm.py has no use for
        self.run(f"mv {TEST}/*.service /etc/systemd/system/ && systemctl daemon-reload")
        self.run("systemctl enable --now -q mosquitto diemcau-test-lines")
        self.run(f"echo '/dev/vdb {STICK} ext4 ro,nofail 0 0' >>/etc/fstab && mount {STICK}")
        self.bring(SOURCE)
        self.machine.write(GIVEN_IDENTITY, IDENTITY)

    def bring(self, folder: str) -> None:
        """A copy of the checkout, as a technician has it."""
        names = [*source.PACKAGES, *source.SHARED, *source.FILES, "install.sh"]
        self.run(f"rm -rf {folder} && mkdir {folder} && tar -xC {folder}", _tar(CHECKOUT, names))

    def install(self, *options: str, folder: str = SOURCE) -> str:
        """One command of a technician's; gives what it said. Raises MachineError: it failed."""
        words = [f"{folder}/install.sh", *options]
        return self.run(f"{shlex.join(words)} 2>&1", timeout_s=INSTALLS_WITHIN_S)

    def upgrade(self, folder: str) -> str:
        """Install another checkout, from the stick."""
        return self.install("--wheels", f"{STICK}/wheels", "--trial-s", str(TRIAL_S), folder=folder)

    def current(self) -> str:
        """The folder of the release that runs, or would."""
        return self.run(f"basename $(readlink {HOME}/current)").strip()

    def broker_url(self) -> str:
        """Where the box's broker can be reached from here, until the machine is switched off."""
        return f"mqtt://127.0.0.1:{self.machine.forward(1883)}"

    # --- the service ---

    def begin(self, room: str) -> None:
        """Start as a new box would: no state, no kept descriptor, all loads released."""
        self.forget()
        self.machine.write("/etc/diemcau/room.toml", room)
        self.run(f"systemctl start {AGENT}")

    def configure(self, room: str) -> None:
        """Another room config, as the first one of a box; all else that it knows it still knows."""
        self.machine.write("/etc/diemcau/room.toml", room)
        self.run(f"systemctl stop {AGENT} && rm -f {STATE}/room*.json && systemctl start {AGENT}")

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
        self.run(f"python3 {TEST}/finger.py press {for_s}")

    def levels(self, pins: tuple[int, ...]) -> dict[int, int]:
        """What is on these lines now, by pin."""
        return dict(zip(pins, map(int, self.lines("level", *pins).split()), strict=True))

    def comes_up(self) -> None:
        """Wait until every load of the room is energised. The broker may still have what was said before a boot."""
        wait_for(lambda: self.levels(tuple(LOADS)) == LOADS, "the room comes up")

    def trace(self) -> list[Entry]:
        """What happened to the lines since the trace was cleared, or since the boot."""
        return parse(self.lines("trace"))

    def lines(self, *words: object) -> str:
        """An order to guest/lines.py."""
        return self.run(" ".join(["python3", f"{TEST}/lines.py", *map(str, words)]))

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
