"""hw/eye/client.py with real eyes: children of ours, and the service as systemd would start it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from agent.core.events import EyeAlive, EyeEnded, EyeReady, EyeTrouble, FrameSeen
from hw.eye.client import COMMAND, EyeClient
from hw.eye.models import Model
from hw.eye.protocol import LONGEST_LINE, decode_event, encode_order
from tests.conftest import wait_for
from tests.hw.eye.conftest import HEIGHT, PATIENCE_S, ROOT, SEATS, WIDTH, Heard, film, order

END_WITHIN_S = 2.0  # the promise of agent.core.ports
STALLED = [{"at_s": 0, "do": "stall"}]


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the eye runs: an empty folder, which is also its home, so that whatever it might write shows."""
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return folder


Start = Callable[..., EyeClient]


@pytest.fixture
def start(heard: Heard) -> Iterator[Start]:
    """Makes clients of children that look at a film; each one's child is gone in the end."""
    clients: list[EyeClient] = []
    before = psutil.Process().children()

    def make(*cues: dict[str, object], boxes_only: bool = True, watch: int = 1) -> EyeClient:
        clients.append(EyeClient(heard, film(list(cues), boxes_only), command=COMMAND))
        clients[-1].watch(order(watch=watch))
        return clients[-1]

    yield make
    for client in clients:
        client.close()
    # Also a dead one that nobody asked after would be left over.
    assert [child for child in psutil.Process().children() if child not in before] == []


def only_eye() -> psutil.Process:
    (eye,) = filter(_is_eye, psutil.Process().children())
    return eye


def _is_eye(child: psutil.Process) -> bool:
    try:
        return child.cmdline()[1:] == list(COMMAND[1:])
    except (psutil.ZombieProcess, psutil.NoSuchProcess):  # one of another test's, that nobody has asked after yet
        return False


def is_over(process: psutil.Process) -> bool:
    """Also where nobody is left who would ask after the dead one."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


# A child


def test_a_real_eye_sees_the_drawn_hall(network: Model, start: Start, heard: Heard) -> None:
    start(boxes_only=False, watch=3)
    assert heard.wait(EyeReady) == EyeReady(3, network.known.detector, network.known.sha256)
    before_s = time.monotonic()
    frame, later = heard.wait(FrameSeen), heard.wait(FrameSeen)
    assert (frame.watch, frame.width, frame.height, len(frame.detections)) == (3, WIDTH, HEIGHT, SEATS)
    assert frame.luma_mean > 20
    assert frame.same_s == later.same_s == 0
    # One clock for all processes of a machine.
    assert frame.captured_s < later.captured_s < time.monotonic()
    assert later.captured_s > before_s


def test_an_eye_of_boxes_only_needs_no_network(start: Start, heard: Heard) -> None:
    start()
    assert heard.wait(EyeReady) == EyeReady(1, "simulated", None)
    assert len(heard.wait(FrameSeen).detections) == SEATS


def test_an_unplugged_camera_is_trouble_and_then_the_end(start: Start, heard: Heard) -> None:
    start({"at_s": 0, "do": "unplug"})
    assert heard.wait(EyeTrouble) == EyeTrouble(1, "missing", "the script unplugged the camera")
    assert heard.wait(EyeEnded).watch == 1


def test_the_eye_opens_no_network_and_no_file_for_writing(
    network: Model, start: Start, heard: Heard, empty: Path
) -> None:
    start(boxes_only=False)
    heard.wait(FrameSeen)
    eye = only_eye()
    assert eye.net_connections("inet") == []
    links = {int(fd.name): str(fd.readlink()) for fd in Path(f"/proc/{eye.pid}/fd").iterdir()}
    assert links[0].startswith("socket:")
    assert links[1] == "/dev/null"
    assert [link for fd, link in links.items() if fd > 2 and link.startswith("socket:")] == []
    # 2 is our own standard error.
    assert [file.path for file in eye.open_files() if file.fd > 2 and file.mode not in ("r", "rb")] == []
    heard.wait(FrameSeen)
    assert list(empty.iterdir()) == []


# Its end


def test_a_killed_eye_is_an_eye_that_ended(start: Start, heard: Heard) -> None:
    start(watch=5)
    heard.wait(FrameSeen)
    only_eye().send_signal(signal.SIGKILL)
    ended = heard.wait(EyeEnded)
    assert ended.watch == 5
    assert "it closed its socket" in ended.message


def test_a_stopped_eye_is_ended_from_outside(start: Start, heard: Heard) -> None:
    client = start()
    heard.wait(FrameSeen)
    eye = only_eye()
    eye.send_signal(signal.SIGSTOP)
    wait_for(lambda: eye.status() == psutil.STATUS_STOPPED, "SIGSTOP")
    began_s = time.monotonic()
    client.close()
    assert time.monotonic() - began_s < END_WITHIN_S
    assert is_over(eye)


def test_an_eye_that_hangs_in_its_camera_is_silent_and_is_ended_from_outside(start: Start, heard: Heard) -> None:
    client = start(*STALLED)
    heard.wait(EyeReady)
    heard.wait(EyeAlive)  # the last word before the look that never ends
    assert heard.next(timeout_s=1.5) is None, "a loop that works would have said that it is alive"
    eye = only_eye()
    began_s = time.monotonic()
    client.close()
    assert time.monotonic() - began_s < END_WITHIN_S
    assert is_over(eye)


def test_a_new_order_ends_the_old_eye(start: Start, heard: Heard) -> None:
    client = start(watch=1)
    heard.wait(FrameSeen)
    old = only_eye()
    client.watch(order(watch=2))
    assert is_over(old)
    assert heard.wait(EyeReady).watch == 2
    assert only_eye() != old


def test_closing_may_be_done_twice_and_without_an_eye(start: Start, heard: Heard) -> None:
    EyeClient(heard).close()
    client = start()
    client.close()
    client.close()


def test_an_eye_ends_with_the_agent_that_started_it_even_while_it_hangs() -> None:
    agent = (
        "import sys, json, psutil\n"
        "from hw.eye.client import EyeClient\n"
        "from tests.hw.eye.conftest import film, order\n"
        "said = lambda event: print(type(event).__name__, flush=True)\n"
        f"EyeClient(said, film({STALLED!r})).watch(order())\n"
        "print(psutil.Process().children()[0].pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", agent], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        eye = psutil.Process(int(process.stdout.readline()))
        while process.stdout.readline() != b"EyeReady\n":
            pass
        process.kill()
    wait_for(lambda: is_over(eye), "the eye outlives its agent")


def test_an_eye_that_cannot_be_started_has_ended(heard: Heard) -> None:
    client = EyeClient(heard, film([]), command=("/nonexistent/eye",))
    client.watch(order(watch=7))
    ended = heard.wait(EyeEnded)
    assert ended.watch == 7
    assert ended.message.startswith("it cannot be started: ")
    client.close()


def test_a_line_that_is_none_ends_the_eye(heard: Heard) -> None:
    talks = 'import socket; socket.socket(fileno=0).sendall(b\'{"kind": "SetRelay"}\\n\')'
    client = EyeClient(heard, film([]), command=(sys.executable, "-c", talks))
    client.watch(order(watch=8))
    event = heard.next()
    assert isinstance(event, EyeEnded)
    assert event.message.startswith("its line cannot be read: a line of unknown kind")
    client.close()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"\xff\xd8\xff\xe0 JFIF", "its line cannot be read"),
        (b"[" * 100_000, "its line cannot be read"),
        (b'{"kind": "FrameSeen", "watch": 1, "captured_s": NaN, "width": 640, "height": 480, "detections": [], '
         b'"detect_ms": 5, "luma_mean": 90, "same_s": 0}', "a size or a time that cannot be"),
        (b" " * (LONGEST_LINE + 5), "its line cannot be read"),
    ],
    ids=["a picture", "brackets", "NaN", "too long"],
)  # fmt: skip
def test_an_eye_that_says_nonsense_has_ended_and_the_next_one_works(
    heard: Heard, tmp_path: Path, line: bytes, said: str
) -> None:
    (tmp_path / "line").write_bytes(line + b"\n")
    talks = f"import socket; socket.socket(fileno=0).sendall(open({str(tmp_path / 'line')!r}, 'rb').read())"
    client = EyeClient(heard, film([]), command=(sys.executable, "-c", talks))
    client.watch(order(watch=8))
    assert said in heard.wait(EyeEnded).message
    client.close()
    client = EyeClient(heard, film([]))
    client.watch(order(watch=9))
    assert heard.wait(FrameSeen).watch == 9
    client.close()


def test_five_thousand_faces_in_one_frame_come_through_and_the_next_frame_too(heard: Heard) -> None:
    talks = (
        "import socket, random\n"
        "from agent.core.events import Detection, FrameSeen\n"
        "from hw.eye.protocol import encode_event\n"
        "chance, end = random.Random(1), socket.socket(fileno=0)\n"
        "faces = tuple(Detection(chance.random() * 4000, chance.random() * 2000, chance.random() * 30,\n"
        "    chance.random() * 40, chance.random()) for _ in range(5000))\n"
        "for at_s in (1.0, 2.0):\n"
        "    end.sendall(encode_event(FrameSeen(3, at_s, 4000, 2000, faces, 20.0, 90.0, 0.0)))\n"
        "end.recv(1)\n"
        "end.recv(1 << 20)\n"
    )
    client = EyeClient(heard, film([]), command=(sys.executable, "-c", talks))
    client.watch(order(watch=3))
    frames = heard.wait(FrameSeen), heard.wait(FrameSeen)
    assert [(frame.captured_s, len(frame.detections)) for frame in frames] == [(1.0, 5000), (2.0, 5000)]
    client.close()


# By hand, which is wrong use


@pytest.mark.parametrize("inherited", ["nothing", "a pipe", "a file"])
def test_an_eye_without_a_socket_is_wrong_use(tmp_path: Path, inherited: str) -> None:
    (tmp_path / "file").touch()
    with (tmp_path / "file").open("rb") as file:
        stdin = {"nothing": subprocess.DEVNULL, "a pipe": subprocess.PIPE, "a file": file}[inherited]
        done = subprocess.run(COMMAND, stdin=stdin, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "to count by hand use `diemcau count SOURCE`" in done.stderr


# As a service


class Systemd:
    """Starts the eye as systemd does: a listening socket as descriptor 3, and a place for its notifications."""

    # LISTEN_PID must be the eye's own number, which only the shell that becomes the eye knows.
    BECOME = 'LISTEN_FDS=1 LISTEN_PID=$$; export LISTEN_FDS LISTEN_PID; exec "$@" 3<&0 </dev/null'

    def __init__(self, folder: Path) -> None:
        self.path = folder / "eye.sock"
        self.notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notified.settimeout(PATIENCE_S)
        self.notified.bind(str(folder / "notify"))
        self._environment = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify")}
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
            listening.bind(str(self.path))
            listening.listen()
            self.process = subprocess.Popen(
                ["sh", "-c", self.BECOME, "sh", *COMMAND], stdin=listening.fileno(), env=self._environment
            )

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.notified.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    systemd = Systemd(tmp_path)
    yield systemd
    systemd.close()


def test_the_service_says_that_it_is_ready_feeds_the_watchdog_and_ends_when_the_agent_lets_go(
    systemd: Systemd,
) -> None:
    assert systemd.notified.recv(100) == b"READY=1"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent, agent.makefile("rb") as lines:
        agent.settimeout(PATIENCE_S)
        agent.connect(str(systemd.path))
        agent.sendall(encode_order(order(watch=6), film([])))
        while not isinstance(event := decode_event(lines.readline()), FrameSeen):
            pass
        assert (event.watch, len(event.detections)) == (6, SEATS)
        assert systemd.notified.recv(100) == b"WATCHDOG=1"
    assert systemd.process.wait(PATIENCE_S) == 0


def test_a_service_that_hangs_feeds_no_watchdog(systemd: Systemd) -> None:
    assert systemd.notified.recv(100) == b"READY=1"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent, agent.makefile("rb") as lines:
        agent.settimeout(PATIENCE_S)
        agent.connect(str(systemd.path))
        agent.sendall(encode_order(order(), film(STALLED)))
        while not isinstance(decode_event(lines.readline()), EyeReady):
            pass
        systemd.notified.settimeout(1.2)
        with pytest.raises(TimeoutError):
            systemd.notified.recv(100)


def test_where_there_is_a_service_the_agent_uses_it_and_its_end_is_told(
    network: Model, systemd: Systemd, heard: Heard
) -> None:
    client = EyeClient(heard, film=None, service=systemd.path, command=("/nonexistent/eye",))
    client.watch(order(node="/dev/video97", watch=2))
    assert heard.wait(EyeReady) == EyeReady(2, network.known.detector, network.known.sha256)
    trouble = heard.wait(EyeTrouble)
    assert (trouble.watch, trouble.reason) == (2, "missing")
    assert heard.wait(EyeEnded) == EyeEnded(2, "it closed its socket")
    client.close()
    assert systemd.process.wait(PATIENCE_S) == 0


def test_a_service_that_nobody_listens_for_is_an_eye_that_ended(tmp_path: Path, heard: Heard) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(tmp_path / "eye.sock"))
    client = EyeClient(heard, film=None, service=tmp_path / "eye.sock", command=("/nonexistent/eye",))
    client.watch(order(watch=3))
    ended = heard.wait(EyeEnded)
    assert ended.watch == 3
    assert "Connection refused" in ended.message
    client.close()


def test_a_service_that_takes_no_connection_does_not_stop_the_agent(tmp_path: Path, heard: Heard) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(tmp_path / "eye.sock"))
        listening.listen(0)
        client = EyeClient(heard, film=None, service=tmp_path / "eye.sock")
        began_s = time.monotonic()
        for watch in range(4):
            client.watch(order(watch=watch))
        client.close()
    assert time.monotonic() - began_s < 10
