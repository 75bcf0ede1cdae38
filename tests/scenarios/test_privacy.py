"""No picture leaves the eye: what the real counting process says, holds open, writes and asks the kernel for.

Every check here is also shown an eye that does leak: a check that cannot fail proves nothing.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import psutil
import pytest

from agent.adapters.mosquitto import Mosquitto
from agent.console.listener import Listener
from agent.core.events import EyeReady, FrameSeen
from agent.core.identity import broker_at
from hw.eye.client import COMMAND
from hw.eye.models import search
from hw.eye.protocol import FromEye, decode_event, encode_order
from tests.conftest import PATIENCE_S, Ear, Site, wait_for
from tests.hw.eye.conftest import ROOT, SEATS, film, order
from tests.scenarios import leaks
from tests.scenarios.test_commands import Centre

Way = Literal["child", "service"]
FRAMES = 5
# As tests/hw/eye/test_client.py: LISTEN_PID must be the eye's own number, which only the shell that becomes it knows.
BECOME = 'LISTEN_FDS=1 LISTEN_PID=$$; export LISTEN_FDS LISTEN_PID; exec "$@" 3<&0 </dev/null'


@pytest.fixture(autouse=True)
def _network() -> None:
    if search().model is None:
        pytest.skip("no face network on this machine: without one no real frame is counted")


class Eye:
    """A real counting process that looks at the drawn hall with a real network; every byte of it is kept.

    Args:
        folder: Its home, its current folder and where its temporary and compiled files would go.
        way: Started by the agent, or by systemd's socket.
        command: What is started; default: what the agent starts.
        size: Of the frames, in pixels.
    """

    def __init__(
        self,
        folder: Path,
        way: Way = "child",
        command: tuple[str, ...] = COMMAND,
        size: tuple[int, int] | None = None,
        log: int = subprocess.PIPE,
    ) -> None:
        self.folder, self.way = folder, way
        folder.mkdir(exist_ok=True)
        self.said = b""
        self.logged = b""
        places = {name: str(folder) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "PYTHONPYCACHEPREFIX")}
        self._settings: dict[str, Any] = {
            "cwd": folder, "env": {**os.environ, **places, "PYTHONPATH": str(ROOT)},
            "stdout": subprocess.DEVNULL, "stderr": log,
        }  # fmt: skip
        self.end = self._as_child(command) if way == "child" else self._as_service(command)
        self.end.settimeout(PATIENCE_S)
        script = film([], boxes_only=False)
        if size:
            script["script"].update(width=size[0], height=size[1])
        self.end.sendall(encode_order(order(), script))
        self._lines = self.end.makefile("rb")
        if self.process.stderr is not None:
            self._reader = threading.Thread(target=self._keep_log, daemon=True)
            self._reader.start()

    def _as_child(self, command: tuple[str, ...]) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(command, stdin=theirs.fileno(), **self._settings)
        return ours

    def _as_service(self, command: tuple[str, ...]) -> socket.socket:
        path = self.folder.parent / "eye.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
            listening.bind(str(path))
            listening.listen()
            argv = ["sh", "-c", BECOME, "sh", *command]
            self.process = subprocess.Popen(argv, stdin=listening.fileno(), **self._settings)
            ours = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            ours.connect(str(path))
        return ours

    def _keep_log(self) -> None:
        assert self.process.stderr is not None
        while part := self.process.stderr.read1(65536):  # type: ignore[union-attr]
            self.logged += part

    @property
    def pid(self) -> int:
        """Of the eye itself, where another program started it (strace)."""
        children = psutil.Process(self.process.pid).children()
        return children[0].pid if children else self.process.pid

    def next(self) -> FromEye | None:
        """The next event; None at the end."""
        line = self._lines.readline()
        self.said += line
        return decode_event(line) if line else None

    def frames(self, number: int = FRAMES) -> Iterator[FrameSeen]:
        """The next frames, as they come."""
        while number:
            event = self.next()
            assert event is not None, self.logged.decode(errors="replace")
            if isinstance(event, FrameSeen):
                number -= 1
                yield event

    def leave(self) -> int:
        """Let go of it, as the agent does, and see it end."""
        self.end.shutdown(socket.SHUT_WR)
        self.said += self._lines.read()
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._lines.close()
        self.end.close()
        if self.process.stderr is not None:
            self._reader.join(PATIENCE_S)
            self.process.stderr.close()


StartEye = Callable[..., Eye]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartEye]:
    eyes: list[Eye] = []

    def make(*arguments: Any, **named: Any) -> Eye:
        eyes.append(Eye(tmp_path / f"eye{len(eyes)}", *arguments, **named))
        return eyes[-1]

    yield make
    for eye in eyes:
        eye.close()


def inherited(eye: Eye) -> dict[int, str]:
    """What 0, 1 and 2 are to be; a child's own socket is its 0."""
    fd = Path(f"/proc/{eye.pid}/fd")
    mine = str(fd.joinpath("0").readlink()) if eye.way == "child" else "/dev/null"
    assert eye.way == "service" or mine.startswith("socket:")
    pipe = os.fstat(eye.process.stderr.fileno()).st_ino if eye.process.stderr else 0
    return {0: mine, 1: "/dev/null", 2: f"pipe:[{pipe}]"}


# What it holds open


@pytest.mark.parametrize("way", ["child", "service"])
def test_while_it_counts_the_eye_holds_one_socket_the_agents_and_nothing_that_it_could_write_to(
    start: StartEye, way: Way
) -> None:
    eye = start(way)
    for frame in eye.frames():
        assert len(frame.detections) == SEATS
        assert leaks.in_descriptors(eye.pid, inherited(eye)) == []
    assert eye.leave() == 0


@pytest.mark.parametrize("way", ["child", "service"])
def test_the_kernel_lets_the_eye_write_no_file_and_leave_no_core_dump_and_it_counts(start: StartEye, way: Way) -> None:
    eye = start(way)
    for _ in eye.frames(1):
        limits = Path(f"/proc/{eye.pid}/limits").read_text()
        assert re.search(r"Max file size +0 +0 ", limits)
        assert re.search(r"Max core file size +0 +0 ", limits)
        written = Path(f"/proc/{eye.pid}/io").read_text()
        assert "syscw: 0\n" in written, written  # write(2) was not called once: what goes to the agent is sent
    assert [len(frame.detections) for frame in eye.frames(2)] == [SEATS] * 2


def test_an_eye_whose_log_is_a_file_can_still_say_what_is_wrong(start: StartEye, tmp_path: Path) -> None:
    """So it is in the demo, and with `diemcau run 2> file`: there the agent's file is the eye's too."""
    with (tmp_path / "log").open("wb") as log:
        eye = start(log=log.fileno())
        for _ in eye.frames(1):
            assert re.search(r"Max core file size +0 +0 ", Path(f"/proc/{eye.pid}/limits").read_text())
        ours, theirs = socket.socketpair()
        with ours, theirs:
            broken = subprocess.Popen(COMMAND, stdin=theirs.fileno(), stderr=log, env={"PYTHONPATH": str(ROOT)})
            theirs.close()
            ours.sendall(b"no order\n")
            assert broken.wait(PATIENCE_S) == 0
    assert "the order cannot be read" in (tmp_path / "log").read_text()


def test_the_eye_of_a_running_room_has_nothing_of_its_agents_but_the_socket_and_the_log(
    broker: Mosquitto, ear: Ear, site: Callable[..., Site]
) -> None:
    room = site(broker.url, [{"at_s": 0, "do": "press"}, {"at_s": 0, "do": "arrive", "people": 6}], speed=1)
    process = room.start()
    ear.wait("/headcount", lambda d: d["seen"] is not None, "a count")
    (eye,) = psutil.Process(process.pid).children()
    agents = {str(link.readlink()) for link in Path(f"/proc/{process.pid}/fd").iterdir() if link.exists()}
    fd = Path(f"/proc/{eye.pid}/fd")
    mine = str((fd / "0").readlink())
    for _ in range(FRAMES):
        assert leaks.in_descriptors(eye.pid, {0: mine, 1: "/dev/null", 2: str(room.folder / "log")}) == []
        time.sleep(0.2)
    # Its end of the pair is not the agent's end, and the agent let go of it.
    assert mine not in agents
    assert {str(link.readlink()) for link in fd.iterdir()} & agents == {str(room.folder / "log")}


# What it writes


@pytest.mark.parametrize("way", ["child", "service"])
def test_the_eye_writes_no_file_wherever_it_could(start: StartEye, way: Way, tmp_path: Path) -> None:
    """Not even compiled modules, whose folder is empty here, so that Python would want to write all of them."""
    folders = [tmp_path, Path("/dev/shm")]  # home, current, temporary and cache folder are in the first
    before = leaks.snapshot(folders)
    eye = start(way)
    assert len(list(eye.frames())) == FRAMES
    assert eye.leave() == 0
    wrote = leaks.in_folders(before, leaks.snapshot(folders))
    assert [sentence for sentence in wrote if "eye.sock" not in sentence] == []


def test_strace_sees_the_eye_open_connect_and_send_nothing_else(start: StartEye, tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace (Debian's package)")
    tried = subprocess.run([strace, "-f", "-o", os.devnull, "true"], capture_output=True)
    if tried.returncode:
        pytest.skip("strace may not trace here (ptrace is not permitted)")
    trace = tmp_path / "trace"
    eye = start(command=(strace, "-f", "-o", str(trace), "-e", f"trace={leaks.TRACED}", *COMMAND))
    assert len(list(eye.frames())) == FRAMES
    assert eye.leave() == 0
    lines = trace.read_text(errors="replace").splitlines()
    assert sum('sendto(0, "{\\"kind\\": \\"FrameSeen\\"' in line for line in lines) >= FRAMES, "the trace has it all"
    assert leaks.in_trace(lines) == []


# What it says


@pytest.mark.parametrize("way", ["child", "service"])
def test_what_the_eye_says_is_a_few_numbers_for_each_face(start: StartEye, way: Way) -> None:
    eye = start(way)
    assert [len(frame.detections) for frame in eye.frames()] == [SEATS] * FRAMES
    assert eye.leave() == 0
    assert leaks.in_eye_lines(eye.said, SEATS) == []
    eye.close()
    assert leaks.in_text(eye.logged) == []
    assert len(eye.logged) < 2000


def test_a_larger_picture_of_the_same_hall_is_not_a_longer_message(start: StartEye) -> None:
    longest = []
    for size in ((640, 480), (1920, 1080)):
        eye = start(size=size)
        (frame,) = eye.frames(1)
        assert (frame.width, frame.height, len(frame.detections)) == (*size, SEATS)
        longest.append(max(map(len, eye.said.splitlines())))
        eye.close()
    assert abs(longest[0] - longest[1]) < SEATS * len("x.0123456789")  # digits before and after the point


def test_under_systemd_the_manager_hears_two_words_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        eye = Eye(tmp_path / "eye", "service")
        try:
            list(eye.frames(2))
            heard = {manager.recv(65536) for _ in range(3)}
        finally:
            eye.close()
        assert heard == {b"READY=1", b"WATCHDOG=1"}


def test_no_message_of_a_whole_conference_has_a_picture_in_it(broker: Mosquitto, site: Callable[..., Site]) -> None:
    """Every topic there is, while a network counts, a technician aims, somebody recounts and a camera is pulled."""
    everything = Listener(broker_at(broker.url), ("#",))
    everything.start()
    centre = Centre(broker)
    people = 8
    cues = [
        {"at_s": 0, "do": "press"},
        {"at_s": 0, "do": "arrive", "people": people},
        {"at_s": 14, "do": "unplug"},
    ]
    try:
        room = site(broker.url, cues, speed=1, look_down_share=0)
        room.start()
        counted = centre.wait("/headcount", lambda d: d["value"] == people, f"{people} people")
        assert counted["detector"] != "simulated"
        for id_ in (centre.send("aim"), centre.send("recount", people=people), centre.send("report")):
            assert centre.answer(id_)["state"] == "done"
        centre.wait("/headcount", lambda d: d["reason"] == "missing", "without a camera")
    finally:
        centre.close()
        everything.close()
    heard: list[tuple[str, bytes]] = []
    while not everything.messages.empty():
        heard.append(everything.messages.get())
    assert len({topic for topic, _ in heard}) >= 8
    # What a home automation is told of the site has long templates, and is the same whatever the camera sees.
    announced = {raw for topic, raw in heard if topic.startswith("homeassistant/")}
    assert len(announced) <= 1
    heard = [(topic, raw) for topic, raw in heard if raw not in announced]
    found = {(topic, leak) for topic, raw in heard for leak in leaks.in_message(raw, people, per_line=2000)}
    assert found == set()
    assert leaks.in_text(room.log.encode()) == []


# Eyes that leak are caught


LEAKY = """
import base64, os, socket, sys
import cv2
from agent.core.errors import EyeError
from agent.core.events import Detection
from hw.eye.detector import open_detector
from hw.eye.models import search
from hw.eye.worker import serve
from hw.simulated.film import FilmViewer, read_film

WAY = sys.argv[1]

class Leaks:
    # A network that passes on what it sees.
    def __init__(self, inner):
        self._inner, self.name, self.sha256 = inner, inner.name, inner.sha256

    def detect(self, picture):
        small = cv2.resize(picture, (32, 24))
        jpeg = cv2.imencode(".jpg", small)[1].tobytes()
        found = self._inner.detect(picture)
        if WAY == "words":
            raise EyeError("missing", base64.b64encode(jpeg).decode())
        if WAY == "short words":
            text = base64.b64encode(jpeg).decode()
            raise EyeError("missing", " ".join(text[i:i + 40] for i in range(0, len(text), 40)))
        if WAY == "numbers":
            raise EyeError("missing", str([int(v) for v in cv2.resize(picture, (8, 6)).flatten()]))
        if WAY == "boxes":
            grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
            return tuple(Detection(*map(float, grey.flatten()[i:i + 4]), 1.0) for i in range(0, 768, 4))
        if WAY == "bytes":
            os.write(0, jpeg)
        if WAY == "log":
            print(base64.b64encode(jpeg).decode(), file=sys.stderr, flush=True)
        if WAY == "file":
            open("picture.jpg", "wb").write(jpeg)
        if WAY == "shared memory":
            self.kept = self.__dict__.get("kept") or __import__("mmap").mmap(-1, 4096)
            self.kept[:3] = jpeg[:3]
        if WAY == "network":
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.udp.sendto(jpeg, ("127.0.0.1", 9))
        if WAY == "memory file":
            self.fd = os.memfd_create("picture")
            os.write(self.fd, jpeg)
        return found

def open_viewer(order, film):
    return FilmViewer(read_film(film), order.node, Leaks(open_detector(search().model, order.threshold)))

serve(socket.socket(fileno=0), open_viewer, lambda: None)
"""


@pytest.mark.parametrize(
    "leak",
    ["words", "short words", "numbers", "boxes", "bytes", "log", "file", "shared memory", "network", "memory file"],
)
def test_an_eye_that_leaks_is_caught(start: StartEye, tmp_path: Path, leak: str) -> None:
    before = leaks.snapshot([tmp_path])
    eye = start(command=(sys.executable, "-P", "-B", "-c", LEAKY, leak))
    held: list[str] = []
    try:
        for _ in eye.frames(2):
            held += leaks.in_descriptors(eye.pid, inherited(eye))
    except (ValueError, AssertionError):  # it says what the agent refuses, or it has ended
        eye.said += b"\n" if not eye.said.endswith(b"\n") else b""
    wait_for(lambda: leak != "log" or eye.logged, "its log")
    caught = {
        "words": leaks.in_eye_lines(eye.said, SEATS),
        "log": leaks.in_text(eye.logged),
        "file": leaks.in_folders(before, leaks.snapshot([tmp_path])),
        "descriptors": held,
    }
    where = {"log": "log", "file": "file", "shared memory": "descriptors", "network": "descriptors"}
    where["memory file"] = "descriptors"
    right = where.get(leak, "words")
    assert caught.pop(right) != []
    assert [place for place, found in caught.items() if found] == [], "and the other checks are not simply always red"


@pytest.mark.parametrize("leak", ["file", "network", "memory file"])
def test_strace_catches_an_eye_that_leaks(start: StartEye, tmp_path: Path, leak: str) -> None:
    strace = shutil.which("strace")
    if strace is None or subprocess.run([strace, "-o", os.devnull, "true"], capture_output=True).returncode:
        pytest.skip("needs strace (Debian's package) and leave to trace")
    trace = tmp_path / "trace"
    traced = (strace, "-f", "-o", str(trace), "-e", f"trace={leaks.TRACED}")
    eye = start(command=(*traced, sys.executable, "-P", "-B", "-c", LEAKY, leak))
    list(eye.frames(1))
    eye.leave()
    assert leaks.in_trace(trace.read_text(errors="replace").splitlines()) != []


def test_what_the_kernel_forbids_the_eye_is_forbidden_to_whatever_runs_in_it(tmp_path: Path) -> None:
    """The limits that the eye puts on itself, and then a library that wants to keep a picture."""
    keeps = (
        "from agent import eye_bootstrap\n"
        "import os, sys\n"
        "eye_bootstrap.run_eye()\n"  # wrong use: nobody is at the other end; the limits are there all the same
        "try:\n"
        "    open('a.jpg', 'wb', buffering=0).write(b'picture')\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", keeps], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == "File too large\n", done.stderr
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 0


def test_ready_says_which_network_and_no_more(start: StartEye) -> None:
    eye = start()
    while not isinstance(event := eye.next(), EyeReady):
        assert event is not None
    assert re.fullmatch(r"[0-9a-f]{64}", event.model_sha256 or "")


def test_the_tests_look_where_temporary_files_go(start: StartEye) -> None:
    """TMPDIR is honoured: otherwise the snapshot would look at the wrong folder."""
    eye = start()
    asked = "import tempfile; print(tempfile.gettempdir())"
    said = subprocess.run([sys.executable, "-c", asked], env=eye._settings["env"], capture_output=True, text=True)
    assert said.stdout.strip() == str(eye.folder) != tempfile.gettempdir()
