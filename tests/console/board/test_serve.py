"""The board's door to the network: where it may listen, by what name it answers, and how it ends."""

import re
import socket
import ssl
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine

from agent.console.board.live import Live
from agent.console.board.place import BoardError, Place, parse_listen
from agent.console.board.serve import Board
from agent.core.errors import LinkError
from agent.core.identity import BrokerSection
from tests.adapters.pki import SERVER, Authority
from tests.conftest import PATIENCE_S
from tests.console.board.access_bed import PASSWORD, Browser, ToldLive


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("[::1]:80", ("::1", 80)),
        ("[::]:443", ("::", 443)),
        (":9000", ("127.0.0.1", 9000)),
        ("9000", ("127.0.0.1", 9000)),
        ("0", ("127.0.0.1", 0)),
        ("board.example", ("board.example", 8080)),
    ],
)
def test_where_to_listen(text: str, found: tuple[str, int]) -> None:
    assert parse_listen(text) == found


@pytest.mark.parametrize("text", ["x:y", "::1:80:80", "a:70000", "70000", "http://a", "a/b", "u@a:1", "[::1", "a:-1"])
def test_what_is_no_place_to_listen(text: str) -> None:
    with pytest.raises(BoardError, match=r"--listen should look like 127\.0\.0\.1:8080"):
        parse_listen(text)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "board.example", ""])
def test_passwords_do_not_go_over_a_network_as_they_are(host: str) -> None:
    with pytest.raises(BoardError, match="needs TLS"):
        Place(host).check()
    Place(host, certificate="a", key="b").check()
    Place(host, 443, "a", "b", is_behind_proxy=True, names=("board.example",)).check()
    with pytest.raises(BoardError, match="has to listen on this machine alone"):
        Place(host, is_behind_proxy=True, names=("board.example",)).check()
    with pytest.raises(BoardError, match="belong together"):
        Place(host, certificate="a").check()
    with pytest.raises(BoardError, match="needs --name"):
        Place(is_behind_proxy=True).check()


def test_by_which_names_it_answers() -> None:
    assert {"localhost", "127.0.0.1", "::1"} <= set(Place("127.0.0.5").hosts)
    assert "board.example" in Place(names=("board.example",)).hosts
    assert "evil.example" not in Place("0.0.0.0", certificate="a", key="b", names=("board.example",)).hosts
    assert Place("0.0.0.0", certificate="a", key="b").hosts == ()  # the certificate says who we are


def test_a_port_that_is_taken_is_said_and_nothing_is_begun(engine: Engine, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        live = ToldLive()
        with pytest.raises(BoardError, match=f"cannot listen on 127.0.0.1:{port}"):
            Board(live, engine, Place(port=port)).start()
    assert not live.has_ended.is_set()
    pem, key = Authority(tmp_path).issue("board", use=SERVER, host="localhost")
    with pytest.raises(BoardError, match="no address of this machine"):
        Board(live, engine, Place("no-such-host.invalid", 0, str(pem), str(key))).start()


def test_a_broker_that_refuses_us_is_said_at_the_start(engine: Engine) -> None:
    """Somebody has to mend that; one that is away is waited for."""
    missing = BrokerSection(url="mqtt://127.0.0.1:1", username="hue", password_file="/no/such/file")
    board = Board(Live(missing, engine), engine)
    with pytest.raises(LinkError):
        board.start()
    with Board(Live(BrokerSection(url="mqtt://127.0.0.1:1"), engine), engine) as waiting:
        browser = Browser(waiting.url)
        assert browser.get("/health").status_code == 503
        browser.close()


def test_tls_with_its_own_certificate(engine: Engine, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pem, key = authority.issue("board", use=SERVER, host="localhost")
    place = Place("localhost", 0, str(pem), str(key))
    with Board(ToldLive(), engine, place) as board:
        assert board.url.startswith("https://localhost:")
        board.access.users.add("Lan", "viewer", PASSWORD)
        browser = Browser(board.url, verify=ssl.create_default_context(cafile=authority.pem))
        answer = browser.sign_in("Lan")
        assert answer.status_code == 303
        assert "Secure" in answer.headers["set-cookie"]
        assert browser.get("/").status_code == 200
        browser.close()


def test_a_certificate_that_cannot_be_used_is_said(engine: Engine, tmp_path: Path) -> None:
    pem, key = Authority(tmp_path).issue("board", use=SERVER, host="localhost", password=b"secret")
    for certificate, its_key in [(pem, key), (pem, tmp_path / "none"), (key, pem), (tmp_path, tmp_path)]:
        with pytest.raises(BoardError, match="cannot be used"):
            Board(ToldLive(), engine, Place("127.0.0.1", 0, str(certificate), str(its_key))).start()


def test_open_streams_end_in_order_with_the_board(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    live = ToldLive()
    board = Board(live, engine)
    board.start()
    board.access.users.add("Lan", "viewer", PASSWORD)
    browser = Browser(board.url)
    browser.sign_in("Lan")
    at = re.search(r'data-at="([^"]+)"', browser.get("/").text)
    assert at is not None
    closing = threading.Thread(target=board.close)
    with browser.client.stream("GET", f"/live?at={at[1]}") as stream:
        chunks = stream.iter_raw()
        next(chunks)
        closing.start()
        for _ in chunks:
            pass  # to its end, and not to a broken connection
    closing.join(PATIENCE_S)
    assert not closing.is_alive()
    assert live.has_ended.is_set()
    assert [each.message for each in caplog.records if each.levelname in ("WARNING", "ERROR")] == []
    browser.close()
