"""What strangers can do to a board without signing in, over real sockets: say nothing, say too much, say it slowly."""

import contextlib
import logging
import os
import re
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from agent.console.board.access import COOKIE, needs
from agent.console.board.bodies import SHEET_BYTES, SHEETS_AT_ONCE, STRANGERS_BYTES, USUAL_BYTES, most_bytes
from agent.console.board.connections import MOST_OF_ONE, Crowd
from agent.console.board.place import Place
from agent.console.board.serve import LOUD, Board, _Sparing
from agent.console.board.streams import Streams
from agent.console.board.users import User
from agent.console.store import Store
from tests.adapters.pki import SERVER, Authority
from tests.conftest import PATIENCE_S, wait_for
from tests.console.board.access_bed import PASSWORD, Browser, ToldLive

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture
def board(engine: Engine) -> Iterator[Board]:
    with Board(ToldLive(), engine) as made:
        made.access.users.add("Lan", "operator", PASSWORD)
        yield made


def reach(board: Board) -> socket.socket:
    port = int(board.url.rstrip("/").rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


def told(stranger: socket.socket) -> bytes:
    """All that comes until the board closes it."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while more := stranger.recv(65536):
            found += more
    return found


@pytest.fixture
def signed_in(board: Board) -> Iterator[Browser]:
    made = Browser(board.url)
    made.sign_in("Lan")
    yield made
    made.close()


@pytest.mark.parametrize("said", [b"", b"GET /login HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_a_head_that_does_not_come_is_not_waited_for(board: Board, said: bytes) -> None:
    board.crowd.head_within_s = 0.3
    with reach(board) as stranger:
        stranger.sendall(said)
        assert told(stranger) == b""


def test_a_body_that_nobody_wanted_is_not_waited_for(board: Board) -> None:
    board.crowd.head_within_s = 0.3
    with reach(board) as stranger:
        stranger.sendall(b"POST /drill HTTP/1.1\r\nHost: localhost\r\n" + FORM + b"Content-Length: 9\r\n\r\nx")
        assert told(stranger).startswith(b"HTTP/1.1 303")


def test_silent_connections_go_first_and_none_that_is_answered(board: Board, signed_in: Browser) -> None:
    board.crowd.most = 10
    at = re.search(r'data-at="([^"]+)"', signed_in.get("/").text)
    assert at is not None
    with signed_in.client.stream("GET", f"/live?at={at[1]}") as stream:
        chunks = stream.iter_raw()
        next(chunks)
        strangers = [reach(board) for _ in range(40)]
        assert told(strangers[0]) == b""
        other = Browser(board.url)
        assert other.get("/health").status_code == 200
        assert other.get("/login").status_code == 200
        assert len(board.access.streams._open) == 1
        other.close()
        for each in strangers:
            each.close()


def test_one_address_has_its_share_and_not_all(board: Board) -> None:
    board.crowd.most_of_one = 3
    strangers = [reach(board) for _ in range(5)]
    assert [told(each) for each in strangers[:2]] == [b"", b""]
    strangers[4].sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert told(strangers[4]).startswith(b"HTTP/1.1 200")
    for each in strangers:
        each.close()


def test_who_never_begins_with_tls_counts_too(engine: Engine, tmp_path: Path) -> None:
    pem, key = Authority(tmp_path).issue("board", use=SERVER, host="localhost")
    with Board(ToldLive(), engine, Place("localhost", 0, str(pem), str(key))) as board:
        board.crowd.most = 3
        strangers = [reach(board) for _ in range(6)]
        assert [told(each) for each in strangers[:3]] == [b""] * 3
        for each in strangers:
            each.close()


def test_addresses_share_where_all_have_the_same_and_nowhere_else() -> None:
    assert Place().most_of_one is None
    assert Place("0.0.0.0", certificate="a", key="b").most_of_one == MOST_OF_ONE
    assert Place("0.0.0.0", 443, "a", "b", is_behind_proxy=True).most_of_one is None


def test_addresses_of_one_ipv6_network_are_one() -> None:
    crowd = Crowd(most_of_one=2)
    ours, theirs = zip(*(socket.socketpair() for _ in range(4)), strict=True)
    hosts = ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "2001:db8::3")
    for made, host in zip(ours, hosts, strict=True):
        crowd.came(made, (host, 1))
    for each in theirs:
        each.setblocking(False)
    assert theirs[0].recv(1) == b""
    for each in theirs[1:]:
        with pytest.raises(BlockingIOError):
            each.recv(1)
    for each in (*ours, *theirs):
        each.close()


def test_how_much_may_be_posted() -> None:
    viewer, operator = User("a", "viewer"), User("b", "operator")
    assert most_bytes("/conference/new", None) == most_bytes("/login", None) == STRANGERS_BYTES
    assert most_bytes("/conference/new", operator) == SHEET_BYTES
    assert most_bytes("/conference/new", viewer) == most_bytes("/drill", operator) == USUAL_BYTES
    assert most_bytes("/site/a/zones", viewer) < most_bytes("/site/a/zones", User("c", "technician"))


def test_a_stranger_may_say_little_and_the_rest_is_not_read(board: Board) -> None:
    head = b"POST /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + FORM
    with reach(board) as stranger:  # by what it says alone: nothing of it has come
        stranger.sendall(head + b"Content-Length: %d\r\n\r\n" % (STRANGERS_BYTES + 1))
        assert told(stranger).startswith(b"HTTP/1.1 413")
    with reach(board) as stranger:
        size = STRANGERS_BYTES + 1
        stranger.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (size, b"a" * size))
        assert told(stranger).startswith(b"HTTP/1.1 413")
    with reach(board) as stranger:
        stranger.sendall(head + b"Content-Length: 6\r\n\r\nname=a")
        assert told(stranger).startswith(b"HTTP/1.1 403")


def test_a_body_that_does_not_come_is_not_waited_for(board: Board) -> None:
    board.access.bodies.within_s = 0.3
    with reach(board) as stranger:
        stranger.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\n" + FORM + b"Content-Length: 9\r\n\r\nname=")
        stranger.settimeout(PATIENCE_S)
        assert stranger.recv(12) == b"HTTP/1.1 408"


def test_tables_are_taken_a_few_at_once(board: Board, signed_in: Browser) -> None:
    cookie = signed_in.client.cookies[COOKIE].encode()
    head = b"POST /conference/new HTTP/1.1\r\nHost: localhost\r\nCookie: %b=%b\r\n" % (COOKIE.encode(), cookie)
    busy = [reach(board) for _ in range(SHEETS_AT_ONCE)]
    for each in busy:
        each.sendall(head + FORM + b"Content-Length: 9\r\n\r\n")
    wait_for(lambda: board.access.bodies._sheets == SHEETS_AT_ONCE, "all places are taken")
    assert signed_in.act("/conference/new", title="x").status_code == 503
    for each in busy:
        each.close()
    wait_for(lambda: board.access.bodies._sheets == 0, "they are free again")
    assert signed_in.act("/conference/new", title="x").status_code == 400


def test_a_host_does_not_change_which_page_is_asked_for(engine: Engine, tmp_path: Path) -> None:
    """Where any Host is answered to, what stands in it must not look like the path."""
    pem, key = Authority(tmp_path).issue("board", use=SERVER, host="localhost")
    with Board(ToldLive(), engine, Place("0.0.0.0", 0, str(pem), str(key))) as board:
        port = int(board.url.rstrip("/").rpartition(":")[2])
        browser = Browser(f"https://127.0.0.1:{port}", verify=False)
        for host in ("localhost/static/?", "localhost/login?", "localhost/health#"):
            for path in ("/", "/site/chi-linh", "/live", "/wall"):
                answer = browser.get(path, host=host)
                assert answer.status_code in (303, 400, 401), (host, path)
                assert "Chí Linh" not in answer.text
            assert browser.post("/demo/chi-linh/press", {}, host=host, origin="").status_code in (303, 400, 403)
        browser.close()


def test_a_refused_try_writes_nothing(board: Board, engine: Engine) -> None:
    stranger, written = Browser(board.url), []
    for _ in range(6):
        stranger.sign_in("Lan", "wrong password")

    @event.listens_for(engine, "before_cursor_execute")
    def noted(_db: object, _cursor: object, statement: str, *_: object) -> None:
        written.append(statement.split()[0])

    assert stranger.sign_in("Lan").status_code == 429
    assert set(written) == {"SELECT"}
    stranger.close()


def test_requests_that_are_none_are_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    now_s = [0.0]
    sparing = _Sparing(lambda: now_s[0])
    loud = logging.getLogger(f"{LOUD[0]}.test")
    loud.addFilter(sparing)
    for now_s[0] in (0.0, 1.0, 59.0, 61.0):
        loud.warning("bad letter at %d", now_s[0])
        loud.error("of ours")
    assert [each.levelname for each in caplog.records].count("WARNING") == 2
    assert [each.levelname for each in caplog.records].count("ERROR") == 4


def test_bad_multipart_does_not_fill_the_log(board: Board, caplog: pytest.LogCaptureFixture) -> None:
    stranger = Browser(board.url)
    headers = {"content-type": "multipart/form-data; boundary=x", "origin": stranger.origin}
    for _ in range(5):
        stranger.client.post("/login", content=b"--y\r\n\r\n", headers=headers)
    assert len([each for each in caplog.records if each.levelname == "WARNING"]) <= 1
    stranger.close()


def test_under_tls_browsers_take_nobody_elses_cookie(engine: Engine) -> None:
    place = Place(port=0, is_behind_proxy=True, names=("board.example",))
    with Board(ToldLive(), engine, place) as board:
        board.access.users.add("Lan", "operator", PASSWORD)
        person = Browser(board.url)
        through = {"host": "board.example", "origin": "https://board.example", "x-forwarded-proto": "https"}
        answer = person.post("/login", {"name": "Lan", "password": PASSWORD}, **through)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"__Host-{COOKIE}=")
        assert {"Secure", "Path=/"} <= set(cookie.split("; "))
        assert "domain" not in cookie.lower()
        person.close()


def test_only_this_user_reads_a_new_database(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        store = Store(f"sqlite:///{tmp_path}/centre.db")
        store.start()
        files = list(tmp_path.glob("centre.db*"))
        assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
        store.close()
        (tmp_path / "centre.db").chmod(0o640)
        store = Store(f"sqlite:///{tmp_path}/centre.db")
        store.start()
        store.close()
        assert stat.S_IMODE((tmp_path / "centre.db").stat().st_mode) == 0o640
    finally:
        os.umask(before)


def test_an_error_of_the_database_tells_no_values(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/centre.db")
    with pytest.raises(Exception, match="hide_parameters") as fell, store.engine.connect() as db:
        db.exec_driver_sql("SELECT no_such WHERE 1 = :secret", {"secret": "geheim"})
    assert "geheim" not in str(fell.value)
    store.close()


def test_reports_have_threads_of_their_own(engine: Engine) -> None:
    """Sixty who wait for a report keep nobody from signing in."""
    with Board(ToldLive(), engine) as board:
        board.access.users.add("Lan", "viewer", PASSWORD)
        person, held = Browser(board.url), threading.Event()
        person.sign_in("Lan")
        begun = threading.Event()

        @event.listens_for(engine, "before_cursor_execute")
        def slow(_db: object, _cursor: object, statement: str, *_: object) -> None:
            if "summons" in statement:
                begun.set()
                held.wait(PATIENCE_S)

        cookie = person.client.cookies[COOKIE].encode()
        asked = b"GET /report/x HTTP/1.1\r\nHost: localhost\r\nCookie: %b=%b\r\n\r\n" % (COOKIE.encode(), cookie)
        waiting = [reach(board) for _ in range(60)]
        try:
            for each in waiting:
                each.sendall(asked)
            assert begun.wait(PATIENCE_S)
            assert person.get("/").status_code == 200
        finally:
            held.set()
            event.remove(engine, "before_cursor_execute", slow)
            for each in waiting:
                each.close()
            person.close()


def test_where_nobody_had_to_sign_in_nobody_may_do_anything() -> None:
    """A page behind a role asks for it itself, whatever let somebody through to it."""

    @needs("viewer")
    async def page(_request: Request) -> Response:
        return Response("seen")

    with TestClient(Starlette(routes=[Route("/", page)])) as stranger:
        assert stranger.get("/").status_code == 403


def test_whoever_is_removed_sees_nothing_new_after_seconds() -> None:
    assert Streams().look_every_s <= 5
