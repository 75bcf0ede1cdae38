"""``diemcau backup`` and ``restore``: one file with all that a centre is, and a centre again from that file."""

import gzip
import io
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import delete

from agent.__main__ import main
from agent.adapters import delivery, units
from agent.adapters.mosquitto import Mosquitto
from agent.adapters.mqtt_link import MqttLink
from agent.adapters.processes import stop
from agent.console import backup, recorder
from agent.console.backup_archive import DATABASE, MANIFEST, Backup, BackupError, Manifest, read_archive
from agent.console.backup_database import Database
from agent.console.backup_restore import Restoring
from agent.console.backup_services import who_has
from agent.console.board.board_tables import USER
from agent.console.board.users import Users
from agent.console.record import opened
from agent.console.recorder_tables import ROW
from agent.console.store import Store
from agent.core.events import LinkUp
from agent.core.identity import BrokerSection
from tests.adapters.test_mqtt_link import Events, lost
from tests.adapters.test_outbox import Box
from tests.conftest import wait_for
from tests.console.test_cli import diemcau
from tests.console.test_recorder import recording
from tests.console.test_store import event, rows

CENTRE = """\
database = "{url}"
[broker]
url = "mqtts://localhost:8884"
ca = "{folder}/broker/ca.pem"
certificate = "{folder}/{who}.pem"
key = "{folder}/{who}.key"
"""


class Desk:
    """A centre's files in one folder, its database, and somebody who types."""

    def __init__(self, folder: Path, url: str, capfd: pytest.CaptureFixture[str]) -> None:
        self.etc, self.safe, self.url, self._capfd = folder / "etc", folder / "safe", url, capfd
        self.centre = self.etc / "centre.toml"
        self._type("site", "add", "recorder", "--role", "recorder", "--broker", "mqtts://centre.example:8883",
                   "--ca-folder", str(self.etc / "ca"), "--broker-folder", str(self.etc / "broker"),
                   "--out", str(self.etc / "keys"))  # fmt: skip
        for who, file in (("board", "centre.toml"), ("recorder", "recorder.toml")):
            (self.etc / file).write_text(CENTRE.format(url=url, folder=self.etc, who=who))
            for end in ("pem", "key"):
                (self.etc / f"{who}.{end}").write_bytes((self.etc / "keys/recorder" / f"recorder.{end}").read_bytes())
                (self.etc / f"{who}.{end}").chmod(0o600)
        if os.geteuid() == 0:  # as on a centre, where PostgreSQL lets its user in and knows no root
            shutil.chown(self.centre, "nobody")

    def _type(self, *words: str) -> tuple[int, str, str]:
        self._capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        said = self._capfd.readouterr()
        assert "Traceback" not in said.err
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out, said.err

    def back_up(self, *words: str) -> tuple[int, str, str]:
        return self._type("backup", "--centre", str(self.centre), *words)

    def restore(self, *words: str) -> tuple[int, str, str]:
        where = ["--centre", str(self.centre), "--keep-in", str(self.safe)]
        return self._type("restore", *where, "--yes", *words)

    def made(self, name: str = "one.tar.gz") -> Path:
        path = self.safe / name
        code, _, said = self.back_up(str(path))
        assert code == 0, said
        return path

    def files(self) -> dict[str, tuple[bytes, int, int]]:
        paths = [path for path in self.etc.rglob("*") if path.is_file() and path.name != "lock"]
        about = {path: path.stat() for path in paths}
        return {str(path): (path.read_bytes(), stat.S_IMODE(it.st_mode), it.st_uid) for path, it in about.items()}


@pytest.fixture
def desk(tmp_path: Path, url: str, capfd: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, url, capfd)


@pytest.fixture
def filed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Desk:
    """With a database of SQLite that has a row."""
    desk = Desk(tmp_path, f"sqlite:///{tmp_path}/centre.db", capfd)
    write(desk.url, 1)
    return desk


def write(url: str, *numbers: int) -> None:
    with closing(opened(url)) as store:
        store.write([event(number) for number in numbers])


def numbers(url: str) -> list[int]:
    with closing(opened(url)) as store:
        return [seq for (seq,) in rows(store, "seq")]


def test_all_that_a_centre_is_comes_back(desk: Desk) -> None:
    write(desk.url, 1, 2)
    with closing(opened(desk.url)) as store:
        Users(store.engine).add("lan", "technician", "a long enough secret")
    before, archive = desk.files(), desk.made()
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    names = {each.name for each in read_archive(archive).manifest.files}
    assert {"files/ca/ca.key", "files/ca/sites.json", "files/broker/acl", "files/recorder.key", DATABASE} <= names
    write(desk.url, 3)
    with closing(opened(desk.url)) as store, store.engine.begin() as db:
        db.execute(delete(USER))
        db.execute(delete(ROW).where(ROW.c.seq == 1))
    for path in (desk.etc / "ca/ca.key", desk.etc / "broker/acl", desk.etc / "recorder.toml"):
        path.unlink()
    (desk.etc / "board.key").write_text("another")
    code, _, said = desk.restore(str(archive))
    assert code == 0, said
    assert desk.files() == before
    assert numbers(desk.url) == [1, 2]
    with closing(opened(desk.url)) as store:
        assert [each.name for each in Users(store.engine).all()] == ["lan"]
    (kept,) = desk.safe.glob(f"diemcau-{backup.BEFORE}-*.tar.gz")
    assert "files/ca/ca.key" not in {each.name for each in read_archive(kept).manifest.files}, "what was there of it"


def test_what_was_there_is_kept_and_can_come_back_itself(filed: Desk) -> None:
    archive = filed.made()
    write(filed.url, 2)
    assert filed.restore(str(archive), "--only", "database")[0] == 0
    assert numbers(filed.url) == [1]
    (kept,) = filed.safe.glob(f"diemcau-{backup.BEFORE}-*.tar.gz")
    assert filed.restore(str(kept))[0] == 0
    assert numbers(filed.url) == [1, 2]


def test_a_backup_while_rows_are_written_is_of_one_moment(desk: Desk) -> None:
    store, is_over = Store(desk.url), threading.Event()
    store.start()
    written = [0]

    def go_on() -> None:
        while not is_over.is_set():
            store.write([event(2 * written[0] + 1), event(2 * written[0] + 2)])
            written[0] += 1

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        wait_for(lambda: written[0] > 20, "the writer is at work")
        archive = desk.made()
        before = written[0]
        wait_for(lambda: written[0] > before + 5, "the writer was not held up for ever")
    finally:
        is_over.set()
        thread.join()
        store.close()
    assert desk.restore(str(archive), "--only", "database")[0] == 0
    found = numbers(desk.url)
    assert found == list(range(1, len(found) + 1))
    assert len(found) % 2 == 0, "never half of what was written at once"
    assert 40 < len(found) <= 2 * written[0]


def test_the_rows_after_yesterday_s_backup_are_asked_for_again(
    desk: Desk, broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAULTS 17, from the outbox on a site's disk to the database and back."""
    monkeypatch.setattr(delivery, "PROBE_S", 1.0)
    monkeypatch.setattr(recorder, "HOLE_AFTER_S", 1.0)
    box, events, connections = Box(tmp_path / "agent.db", time.time()), Events(), iter(range(1, 100))
    link = MqttLink(
        BrokerSection(url=broker.url), "nam-sach", lambda: next(connections), lost, (), events.put, outbox=box.out
    )
    link.start()
    try:
        events.wait(LinkUp)
        _recorded(desk, broker, box, 20)
        archive = desk.made()
        _recorded(desk, broker, box, 300)
        assert numbers(desk.url) == list(range(1, 321))
        assert desk.restore(str(archive))[0] == 0
        assert numbers(desk.url) == list(range(1, 21))
        if "sqlite" in desk.url:  # another broker knows nothing of the site; its next row shows what lies before it
            broker.kill()
            broker.start()
        with closing(opened(desk.url)) as store, recording(broker, store):
            box.write(1)
            wait_for(lambda: [seq for (seq,) in rows(store, "seq")] == list(range(1, 322)), "all again", 60)
    finally:
        link.close()
        box.close()


def _recorded(desk: Desk, broker: Mosquitto, box: Box, count: int) -> None:
    with closing(opened(desk.url)) as store, recording(broker, store):
        box.write(count)
        wait_for(lambda: box.out.figures().rows == 0, "all at the centre", 60)


def test_a_folder_keeps_the_newest_and_what_is_not_ours(filed: Desk) -> None:
    filed.safe.mkdir()
    old = [filed.safe / f"diemcau-2026010{day}T023000Z.tar.gz" for day in range(1, 4)]
    others = [filed.safe / name for name in (f"diemcau-{backup.BEFORE}-20260101T000000Z.tar.gz", "mine.tar.gz")]
    left = filed.safe / ".diemcau-backup-x"
    for path in (*old, *others):
        path.write_text("old")
    left.mkdir()
    os.utime(left, (0, 0))
    code, out, _ = filed.back_up(str(filed.safe), "--keep", "2", "--json")
    assert code == 0
    assert '"file"' in out
    ours = sorted(filed.safe.glob(backup.NAMES))
    assert (len(ours), ours[0]) == (2, old[2])
    assert all(path.exists() for path in others)
    assert not left.exists(), "what a power cut has left"


def test_a_disk_without_room_is_not_filled_halfway(filed: Desk, tmp_path: Path) -> None:
    """The database claims more than any disk has: a file with a hole."""
    file = tmp_path / "centre.db"
    os.truncate(file, _more_than_there_is(tmp_path))
    code, _, said = filed.back_up(str(filed.safe / "one.tar.gz"))
    assert code == 1
    assert "make room" in said
    assert list(filed.safe.iterdir()) == []


def test_room_for_a_backup_is_reckoned_by_the_newest_one(tmp_path: Path) -> None:
    assert backup._needed_bytes(tmp_path, 100) == 200
    for day, length in ((1, 7), (2, 30)):
        (tmp_path / f"diemcau-2026010{day}T023000Z.tar.gz").write_bytes(b"x" * length)
    assert backup._needed_bytes(tmp_path, 100) == 130
    assert backup._needed_bytes(tmp_path, 0) == 60


def _more_than_there_is(folder: Path) -> int:
    """But not more than a file may be."""
    about = os.statvfs(folder)
    return min(about.f_bavail * about.f_frsize + (1 << 30), 1 << 43)


def test_a_restore_looks_for_room_before_it_unpacks(filed: Desk, tmp_path: Path) -> None:
    archive = filed.made()
    manifest = read_archive(archive).manifest
    claims = {DATABASE: 1 << 60}
    entries = [each.model_copy(update={"bytes": claims.get(each.name, each.bytes)}) for each in manifest.files]
    restoring = Restoring(archive, filed.centre, "all")
    restoring._database = Database(filed.url)
    with pytest.raises(BackupError, match="make room"):
        restoring._stage(Backup(manifest.model_copy(update={"files": tuple(entries)}), {}))
    assert list(tmp_path.glob(f"{backup.STAGED}*")) == []


def test_a_backup_sweeps_what_a_killed_restore_has_left(filed: Desk, tmp_path: Path) -> None:
    old, new = tmp_path / f"{backup.STAGED}old", tmp_path / f"{backup.STAGED}new"
    for path in (old, new):
        path.write_text("a whole database")
    os.utime(old, (0, 0))
    filed.made()
    assert (old.exists(), new.exists()) == (False, True), "one that is at work is left alone"


@pytest.mark.parametrize(
    ("where", "orders"),
    [
        ("_keep", ["stop diemcau-recorder diemcau-board", "start diemcau-recorder diemcau-board"]),
        ("put_back", ["stop diemcau-recorder diemcau-board"]),
    ],
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_ctrl_c_or_an_end_leaves_the_centre_at_work_or_says_why_not(
    filed: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, orders: list[str], number: int
) -> None:
    # Who runs these tests may have them pass over some (nohup, a shell's background).
    inherited = signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    before = signal.getsignal(number)

    def interrupted(*_: object) -> None:
        os.kill(os.getpid(), number)
        time.sleep(5)  # where it is heard

    archive = filed.made()
    _with_systemctl(tmp_path, monkeypatch)
    monkeypatch.setattr(backup, "CENTRE", str(filed.centre))
    monkeypatch.setattr(backup if where == "_keep" else Restoring, where, interrupted)
    try:
        code, _, said = filed.restore(str(archive))
    finally:
        after = signal.signal(number, inherited)
    assert code != 0
    assert (tmp_path / "orders").read_text().splitlines() == orders
    assert ("nothing is started again" in said) == (where == "put_back")
    assert after == before


def _with_systemctl(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A systemd for which all runs, and that writes down what it is told."""
    program = folder / "bin/systemctl"
    program.parent.mkdir()
    show = "show) echo LoadState=loaded; echo ActiveState=active;;"
    program.write_text(f'#!/bin/sh\ncase $1 in {show} *) echo "$@" >>"{folder}/orders";; esac\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(units, "BOOTED", folder)


def cut(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def turned(raw: bytes) -> bytes:
    """One bit of what is in it is another; gzip itself is in order."""
    inside = bytearray(gzip.decompress(raw))
    inside[inside.index(b"SQLite format 3") + 5] ^= 1
    return gzip.compress(bytes(inside))


def with_a_stray(raw: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(raw)) as source, tarfile.open(fileobj=made, mode="w:gz") as target:
        for info in source:
            target.addfile(info, source.extractfile(info))
        target.addfile(tarfile.TarInfo("files/../../evil"))
    return made.getvalue()


def leading_out(raw: bytes) -> bytes:
    """The manifest and the file agree that it belongs elsewhere."""
    made = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(raw)) as source, tarfile.open(fileobj=made, mode="w:gz") as target:
        for info in source:
            content = source.extractfile(info)
            assert content is not None
            read = content.read()
            if info.name == MANIFEST:
                read = read.replace(b"files/centre.toml", b"files/../evil.toml")
            info.name, info.size = info.name.replace("files/centre.toml", "files/../evil.toml"), len(read)
            target.addfile(info, io.BytesIO(read))
    return made.getvalue()


@pytest.mark.parametrize(
    "damaged",
    [cut, turned, with_a_stray, leading_out, lambda raw: b"", lambda raw: b"PK\3\4"],
)
def test_what_is_damaged_or_not_ours_changes_nothing(filed: Desk, damaged: Callable[[bytes], bytes]) -> None:
    archive = filed.made()
    archive.write_bytes(damaged(archive.read_bytes()))
    write(filed.url, 2)
    before = filed.files()
    code, _, said = filed.restore(str(archive))
    assert code == 1
    assert "damaged or is none of diemcau's" in said
    assert filed.files() == before
    assert numbers(filed.url) == [1, 2]
    assert list(filed.safe.glob(f"*{backup.BEFORE}*")) == []
    assert list(filed.centre.parent.parent.glob(".diemcau-restore*")) == []


def test_a_later_version_s_backup_is_refused(filed: Desk) -> None:
    archive = filed.made()
    manifest = read_archive(archive).manifest.model_dump_json().replace('"format":1', '"format":2')
    with pytest.raises(ValueError, match="format"):
        Manifest.model_validate_json(manifest)


def test_without_yes_it_asks_and_no_answer_is_no(filed: Desk) -> None:
    archive = filed.made()
    write(filed.url, 2)
    asked = diemcau("restore", str(archive), "--centre", str(filed.centre), "--keep-in", str(filed.safe))
    assert asked.returncode == 130
    assert "in the place of" in asked.stderr
    assert numbers(filed.url) == [1, 2]


def test_a_database_that_somebody_writes_to_is_left_alone(filed: Desk, tmp_path: Path) -> None:
    archive, file = filed.made(), tmp_path / "centre.db"
    with file.open("rb") as opened_there:
        child = subprocess.Popen(["sleep", "60"], stdin=opened_there)
    try:
        wait_for(lambda: bool(who_has(file)), "it is open elsewhere")
        code, _, said = filed.restore(str(archive))
        assert code == 1
        assert f"sleep ({child.pid}): stop that" in said
    finally:
        stop([child])
    assert filed.restore(str(archive))[0] == 0


def test_a_log_of_another_database_is_never_read_into_it(filed: Desk, tmp_path: Path) -> None:
    """What a recorder that was killed has left beside the file: committed rows that are not in it yet."""
    archive = filed.made()
    with closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        db.execute("INSERT INTO progress VALUES ('nam-sach', 'e', 7)")
        db.commit()
        log = (tmp_path / "centre.db-wal").read_bytes()
    (tmp_path / "centre.db-wal").write_bytes(log)
    assert filed.restore(str(archive), "--only", "database")[0] == 0
    assert not (tmp_path / "centre.db-wal").exists()
    assert numbers(filed.url) == [1]


def test_a_damaged_database_is_no_backup_but_can_be_replaced(filed: Desk, tmp_path: Path) -> None:
    archive, file = filed.made(), tmp_path / "centre.db"
    file.write_bytes(b"SQLite format 3\0" + b"\xff" * 8000)
    code, _, said = filed.back_up(str(filed.safe / "two.tar.gz"))
    assert (code, [path.name for path in filed.safe.iterdir()]) == (1, ["one.tar.gz"]), said
    code, _, said = filed.restore(str(archive))
    assert code == 0
    assert "cannot be kept" in said
    assert numbers(filed.url) == [1]


def test_a_new_machine_takes_it_where_there_is_a_place_for_the_database(filed: Desk, tmp_path: Path) -> None:
    archive = filed.made()
    for path in (tmp_path / "centre.db", tmp_path / "centre.db-wal", tmp_path / "centre.db-shm"):
        path.unlink(missing_ok=True)
    os.rename(filed.etc, tmp_path / "gone")  # noqa: PTH104
    filed.etc.mkdir()
    assert filed.restore(str(archive))[0] == 0
    assert numbers(filed.url) == [1]
    assert stat.S_IMODE((filed.etc / "ca").stat().st_mode) == 0o700


def test_what_lies_elsewhere_is_named(filed: Desk, tmp_path: Path) -> None:
    (tmp_path / "web.pem").write_text("x")
    board = f'\n[board]\ncertificate = "{tmp_path}/web.pem"\nkey = "{tmp_path}/web.pem"\n'
    filed.centre.write_text(filed.centre.read_text() + board)
    code, _, said = filed.back_up(str(filed.safe / "one.tar.gz"))
    assert code == 0
    assert f"{tmp_path}/web.pem: " in said
    assert str(tmp_path / "web.pem") not in str(read_archive(filed.safe / "one.tar.gz").manifest)
    assert filed.back_up(str(filed.safe / "one.tar.gz"))[0] == 2, "never in the place of another one"
