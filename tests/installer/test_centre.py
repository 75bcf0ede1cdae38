"""agent/installer/centre*.py: a whole centre below a folder, made by the program, and a broker that runs from it."""

import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from agent.adapters.config_store import load_centre
from agent.adapters.mosquitto import Mosquitto, free_port
from agent.console import recorder
from agent.installer import centre, centre_broker, centre_proof
from agent.installer.centre import Options
from agent.installer.centre_broker import register_of
from agent.installer.centre_kept import Snapshot
from agent.installer.centre_others import has_guests, of_others
from agent.installer.centre_proof import Credentials, Works, board_refuses, broker_refuses
from agent.installer.steps import InstallError, Step, carry_out, rehearse
from agent.installer.world import PATIENCE_S, World

HOST = "centre.example"
DEBIANS = (
    "pid_file /run/mosquitto/mosquitto.pid\npersistence true\nlog_dest syslog\ninclude_dir /etc/mosquitto/conf.d\n"
)
SECRETS = ("recorder.key", "board.key", "centre.toml", "recorder.toml")


@dataclass
class Release:
    """The checkout, as if it were an installed release."""

    path: str = "/opt/diemcau/releases/1"


@dataclass
class Fails:
    """A later step that does not succeed."""

    title: str = "fails"

    def is_done(self) -> bool:
        return False

    def lines(self) -> list[str]:
        return []

    def do(self) -> None:
        raise InstallError("on purpose")

    def undo(self) -> None:
        pass


def empty(root: Path) -> World:
    for folder in ("etc/diemcau", "etc/mosquitto/conf.d", "opt/diemcau/releases/1/bin"):
        (root / folder).mkdir(parents=True)
    (root / "etc/passwd").write_text(f"diemcau:x:{os.geteuid()}:{os.getegid()}::/:/bin/false\n")
    (root / "etc/mosquitto/mosquitto.conf").write_text(DEBIANS)
    (root / "opt/diemcau/releases/1/bin/diemcau").symlink_to(Path(sys.executable).with_name("diemcau"))
    return World(root)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return empty(tmp_path / "root")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> World:
    """One that is installed, for those who leave it so: it takes a second or two to make."""
    made = empty(tmp_path_factory.mktemp("centre") / "root")
    installed(made)
    return made


def plan(world: World, host: str = HOST, database: str = "") -> list[Step]:
    return centre.steps(world, Release(), Options(host, database))


def files(world: World) -> dict[str, bytes | str]:
    paths = (path for path in (world.root / "etc").rglob("*") if path.is_symlink() or path.is_file())
    return {str(path): str(path.readlink()) if path.is_symlink() else path.read_bytes() for path in paths}


def installed(world: World) -> int:
    return carry_out(plan(world), lambda _: None)


def test_a_dry_run_makes_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(world)
    rehearse(plan(world), print)
    assert "site add recorder --role recorder" in capsys.readouterr().out
    assert files(world) == before


def test_a_centre_is_made_once_and_its_broker_takes_the_recorder(
    done: World, tmp_path: Path, mosquitto_program: str
) -> None:
    before, etc = files(done), done.root / "etc/diemcau"
    assert installed(done) == 0
    assert files(done) == before
    assert {name: (etc / name).stat().st_mode & 0o777 for name in SECRETS} == dict.fromkeys(SECRETS, 0o600)
    assert list(etc.glob(".keys*")) == []
    register = register_of(done)
    assert register is not None
    assert (register.broker, register.members) == (f"mqtts://{HOST}:8883", centre_broker.PROGRAMS)
    board, record = load_centre(etc / "centre.toml"), load_centre(etc / "recorder.toml")
    assert (board.database, board.board.names) == (record.database, (HOST,)) == (centre.DATABASE, (HOST,))
    assert (board.board.listen, board.broker.url) == ("127.0.0.1:8080", "mqtts://localhost:8884")
    _lets_in_whom_it_knows(done, etc, tmp_path)


def _lets_in_whom_it_knows(world: World, etc: Path, tmp_path: Path) -> None:
    link = world.path(centre_broker.LINK)
    assert str(link.readlink()) == "/etc/diemcau/broker/mosquitto.conf"
    text = (etc / "broker" / "mosquitto.conf").read_text()
    ports = {8883: free_port(), 8884: free_port(), 8885: free_port()}
    for known, port in ports.items():
        text = text.replace(f"\nlistener {known}", f"\nlistener {port}")
    broker = Mosquitto(tmp_path, extra=text.replace("persistence true", "").replace("max_packet_size 131072", ""))
    who = Credentials(etc / "broker/ca.pem", etc / "recorder.pem", etc / "recorder.key")
    broker.start()
    try:
        centre_proof.wait_for_broker((ports[8883], ports[8884]), who, 10.0)
        stranger = Credentials(who.ca, etc / "broker/server.pem", etc / "broker/server.key")
        assert broker_refuses(ports[8884], stranger, "stranger") is not None
        assert "refused" in str(broker_refuses(free_port(), who, "nobody-listens"))
    finally:
        broker.close()


def test_what_fails_later_leaves_nothing_behind(world: World) -> None:
    before = files(world)
    with pytest.raises(InstallError, match="on purpose"):
        carry_out([*plan(world), Fails()], lambda _: None)
    assert files(world) == before
    assert not (world.root / "etc/diemcau/ca").exists()


def test_an_authority_that_was_there_stays_and_what_was_lost_is_made_again(done: World) -> None:
    for name in ("recorder.key", "centre.toml", "broker/acl"):
        (done.root / "etc/diemcau" / name).unlink()
    before = files(done)
    with pytest.raises(InstallError, match="on purpose"):
        carry_out([*plan(done), Fails()], lambda _: None)
    assert files(done) == before
    assert installed(done) == 2, "broker, and the centre's file"
    assert installed(done) == 0


def test_who_was_enrolled_while_a_later_step_failed_stays_enrolled(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    snapshot = Snapshot([folder])
    folder.mkdir()
    for name in ("ca.key", "sites.json"):
        (folder / name).write_text("ours")
    snapshot.seal()
    (folder / "sites.json").write_text("somebody's")
    snapshot.put_back()
    assert {each.name: each.read_text() for each in folder.iterdir()} == {"sites.json": "somebody's"}


def test_an_upgrade_writes_the_rights_again_and_leaves_what_people_have_written(done: World) -> None:
    etc = done.root / "etc/diemcau"
    acl, mine = (etc / "broker/acl").read_text(), (etc / "centre.toml").read_text() + "# mine\n"
    (etc / "broker/acl").write_text(acl.replace("topic write diemcau/v1/+/history/ack\n", ""))
    (etc / "centre.toml").write_text(mine)
    assert installed(done) == 1
    assert (etc / "broker/acl").read_text() == acl
    assert (etc / "centre.toml").read_text() == mine


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"host": "broker.example:8883"}, "without a port"),
        *(({"host": host}, "no box elsewhere reaches") for host in ("localhost", "127.0.0.1", "::1", "0.0.0.0")),
        *(({"host": host}, "no box elsewhere reaches") for host in ("1.2.3", "300.1.1.1", "localhost.localdomain")),
        ({"host": "other.example"}, "know this machine as centre.example"),
        ({"database": "mysql://x"}, "should begin with"),
        ({"database": "sqlite:////srv/centre.db"}, "should begin with"),
        ({"database": "sqlite:////var/lib/diemcau/other.db"}, "names another database"),
    ],
)
def test_what_does_not_fit_what_is_there_is_refused_before_anything(
    done: World, options: dict[str, str], says: str
) -> None:
    with pytest.raises(InstallError, match=says):
        plan(done, **options)


@pytest.mark.parametrize("port", [8883, 8884, 8885])
def test_a_port_of_the_broker_is_none_for_the_board(world: World, port: int) -> None:
    with pytest.raises(InstallError, match="the broker's"):
        centre.steps(world, Release(), Options(HOST, board_port=port))


def test_an_id_of_ours_that_is_somebody_else_s_is_named(world: World) -> None:
    member = {"id": "board", "role": "site", "revoked_at": None}
    world.write(f"{centre_broker.CA}/sites.json", json.dumps({"broker": "", "members": [member]}).encode())
    step = centre_broker.Broker(world, Path("diemcau"), HOST)
    with pytest.raises(InstallError, match="the id board is a site's"):
        step.lines()


def test_a_database_elsewhere_is_kept_in_both_files_and_wants_its_programs(world: World) -> None:
    url = "postgresql+psycopg://diemcau@db.example/centre"
    assert centre.packages(world, Options()) == ["mosquitto"]
    carry_out(plan(world, database=url)[1:], lambda _: None)
    for name in ("centre.toml", "recorder.toml"):
        assert load_centre(world.root / "etc/diemcau" / name).database == url
    assert centre.packages(world, Options()) == ["mosquitto", "postgresql-client"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (DEBIANS, None),
        ("# listener 1883\n\n  persistence true", None),
        ("listener 1883", "listener 1883"),
        ("log_type all\n  allow_anonymous true\n", "allow_anonymous true"),
        ("per_listener_settings true", "per_listener_settings true"),
        ("connection bridge-1\naddress x", "connection bridge-1"),
    ],
)
def test_a_broker_that_serves_somebody_else_is_left_alone(world: World, text: str, line: str | None) -> None:
    assert of_others(text) == line
    (world.root / "etc/mosquitto/conf.d/other.conf").write_text(text)
    if line is None:
        plan(world)
    else:
        with pytest.raises(InstallError, match=r"serves something else here already: .*other\.conf"):
            plan(world)


class Health(BaseHTTPRequestHandler):
    status = 503

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b"broker away\n")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], int]]:
    """A board with that status; gives its port."""
    with HTTPServer(("127.0.0.1", 0), Health) as server:

        def start(status: int) -> int:
            monkeypatch.setattr(Health, "status", status)
            thread.start()
            return int(server.server_address[1])

        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        yield start
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "says"), [(503, "503 broker away"), (200, None)])
def test_a_board_is_well_when_it_says_so_itself(status: int, says: str | None, board: Callable[[int], int]) -> None:
    said = board_refuses(board(status))
    assert said is None if says is None else says in str(said)


def test_a_board_that_is_away_is_not_well() -> None:
    assert "/health" in str(board_refuses(free_port()))


def test_the_recorder_says_what_the_installer_waits_for() -> None:
    assert recorder.__file__ is not None
    source = Path(recorder.__file__).read_text(encoding="utf-8")
    assert centre_proof.CONNECTED in source
    assert centre_proof.LOST in source


def test_an_uninstall_takes_away_the_links_and_no_data(world: World, done: World) -> None:
    assert centre.leftovers(world) == []
    folder = done.path(centre_broker.DROP_IN).parent
    assert centre.leftovers(done) == [centre_broker.LINK, f"/{folder.relative_to(done.root)}"], "it would be empty"
    (folder / "mine.conf").write_text("[Service]\n")
    assert centre.leftovers(done) == [centre_broker.LINK, centre_broker.DROP_IN]
    (folder / "mine.conf").unlink()


@pytest.mark.parametrize(("error", "says"), [(PermissionError(13, "no"), "use sudo"), (ValueError("x"), "a backup")])
def test_who_may_not_read_is_told_to_use_sudo(error: Exception, says: str) -> None:
    assert says in str(centre_broker.unreadable(Path("sites.json"), error, "take a backup"))


def test_whoever_uses_mosquitto_s_own_port_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not has_guests(port), "listening alone is nobody"
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            assert has_guests(port)


class Booted(World):
    """A system that runs, below a folder: its systemd knows mosquitto, and a recorder with its journal."""

    is_booted = True

    def __init__(self, root: Path, is_up: bool = False, is_enabled: bool = False) -> None:
        super().__init__(root)
        self.is_up, self.is_enabled = is_up, is_enabled
        self.since_s, self.journal = time.monotonic(), list[str]()

    def run(self, argv: Sequence[str | Path], timeout_s: float = PATIENCE_S, **environment: str | None) -> str:
        match [str(word) for word in argv]:
            case ["systemctl", "show", *_]:
                since_us = round(self.since_s * 1e6)
                return f"InvocationID=1\nActiveState=active\nActiveEnterTimestampMonotonic={since_us}\n"
            case ["systemctl", *words]:
                self._order(*words)
                return ""
            case ["journalctl", *words]:
                wanted = words[words.index("--grep") + 1] if "--grep" in words else ""
                found = [each for each in self.journal if re.search(wanted, each)]
                return json.dumps({"MESSAGE": found[-1]}) if found else ""
        return super().run(argv, timeout_s, **environment)

    def _order(self, verb: str, *_: str) -> None:
        if verb in ("is-active", "is-enabled") and not (self.is_up if verb == "is-active" else self.is_enabled):
            raise InstallError(verb)
        self.is_up = (self.is_up or verb == "restart") and verb != "stop"
        self.is_enabled = (self.is_enabled or verb == "enable") and verb != "disable"

    def get_package(self) -> None:
        """Debian's starts it."""
        self.is_up = self.is_enabled = True


def test_without_a_start_the_broker_waits_for_the_next_boot(tmp_path: Path) -> None:
    world = Booted(empty(tmp_path / "root").root)
    steps = centre.steps(world, Release(), Options(HOST, is_started=False))
    world.get_package()
    carry_out(steps, lambda _: None)
    assert (world.is_up, world.is_enabled) == (False, True)
    assert carry_out(centre.steps(world, Release(), Options(HOST, is_started=False)), lambda _: None) == 0


@pytest.mark.parametrize("before", [(False, False), (False, True), (True, True)])
def test_a_mosquitto_that_was_there_is_left_as_it_was(tmp_path: Path, before: tuple[bool, bool]) -> None:
    world = Booted(empty(tmp_path / "root").root, *before)
    broker = centre_broker.Broker(world, Path("diemcau"), HOST)
    world.get_package()
    broker.undo()
    assert (world.is_up, world.is_enabled) == before


def test_a_centre_that_has_run_for_months_is_well(tmp_path: Path, board: Callable[[int], int]) -> None:
    world = Booted(tmp_path)
    works = Works(world, board(200))
    assert not works.is_done(), "it has just been started, and said nothing yet"
    world.since_s -= centre_proof.PATIENCE_S + 60
    assert works.is_done(), "the journal has forgotten it"
    world.journal = [f"{centre_proof.CONNECTED} x:8884", f"{centre_proof.LOST}: x"]
    assert not works.is_done()
    world.journal += [f"{centre_proof.CONNECTED} x:8884", "rows: 7"]
    assert works.is_done()


def test_a_failed_install_leaves_no_empty_folder(world: World) -> None:
    with pytest.raises(InstallError, match="on purpose"):
        carry_out([*plan(world), Fails()], lambda _: None)
    assert not world.path(centre_broker.DROP_IN).parent.exists()
