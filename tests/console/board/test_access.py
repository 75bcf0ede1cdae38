"""What a request has to prove, asked of a board that runs."""

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event

from agent.console.board.access import COOKIE, User
from agent.console.board.bodies import USUAL_BYTES
from agent.console.board.login import local_path
from agent.console.board.place import Place
from agent.console.board.serve import Board
from tests.console.board.access_bed import PASSWORD, SITE, Browser, ToldLive


@pytest.fixture
def board(engine: Engine) -> Iterator[Board]:
    with Board(ToldLive(), engine) as made:
        made.access.users.add("Lan", "operator", PASSWORD)
        made.access.users.add("Hùng <b>", "viewer", PASSWORD)
        yield made


@pytest.fixture
def browser(board: Board) -> Iterator[Callable[..., Browser]]:
    """Makes browsers; with a name they are signed in."""
    made: list[Browser] = []

    def open_(name: str | None = None, **options: Any) -> Browser:
        made.append(Browser(board.url, **options))
        if name is not None:
            assert made[-1].sign_in(name).status_code == 303
        return made[-1]

    yield open_
    for each in made:
        each.close()


Make = Callable[..., Browser]


def test_who_is_not_signed_in_gets_the_form_and_comes_back(browser: Make) -> None:
    stranger = browser()
    for path in ("/", "/wall", f"/site/{SITE}", "/drill", "/no/such/page", "/conference"):
        answer = stranger.get(f"{path}?group=1&q=a%26b")
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/login?next={path}%3Fgroup%3D1%26q%3Da%2526b"
        form = stranger.get(answer.headers["location"])
        assert f'value="{path}?group=1&amp;q=a%26b"' in form.text
        assert "Chí Linh" not in form.text


def test_who_is_not_signed_in_gets_no_stream_and_acts_on_nothing(board: Board, browser: Make) -> None:
    stranger = browser()
    assert stranger.get("/live").status_code == 401
    assert stranger.get(f"/live/site/{SITE}").status_code == 401
    answer = stranger.post(f"/site/{SITE}/power", {"on": "1", "csrf": "x"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert stranger.client.put("/", headers={"origin": stranger.origin}).status_code == 303
    assert board.parts.live.asked == []  # type: ignore[attr-defined]


def test_what_is_free(browser: Make) -> None:
    stranger = browser()
    assert stranger.get("/health").status_code == 200
    assert stranger.get("/static/board.css").status_code == 200
    assert stranger.get("/static/../access.py").status_code in (303, 404)
    assert stranger.get("/healthy").status_code == 303


def test_the_cookie_is_for_browsers_alone(browser: Make) -> None:
    person = browser()
    cookie = person.sign_in("Lan").headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie  # loopback without TLS


def test_a_session_is_a_new_one_each_time(browser: Make) -> None:
    """A token that somebody has put into the browser before is worth nothing after signing in."""
    person = browser(cookies={COOKIE: "planted"})
    assert person.get("/").status_code == 303
    person.sign_in("Lan")
    first = person.client.cookies.jar
    tokens = {each.value for each in first if each.value != "planted"}
    assert len(tokens) == 1
    assert browser(cookies={COOKIE: "planted"}).get("/").status_code == 303
    again = browser("Lan")
    assert again.client.cookies[COOKIE] not in tokens


def test_signing_out_ends_it_for_a_stolen_cookie_too(browser: Make) -> None:
    person = browser("Lan")
    thief = browser(cookies={COOKIE: person.client.cookies[COOKIE]})
    assert thief.get("/").status_code == 200
    assert person.act("/logout").headers["location"] == "/login"
    assert thief.get("/").status_code == 303
    assert person.get("/").status_code == 303


def test_another_password_a_removal_and_another_role_count_at_once(board: Board, browser: Make) -> None:
    person, other = browser("Lan"), browser("Hùng <b>")
    board.access.users.set_role("lan", "viewer")
    assert person.act(f"/site/{SITE}/identify").status_code == 403
    board.access.users.set_password("Lan", "một mật khẩu khác")
    assert person.get("/").status_code == 303
    board.access.users.remove("Hùng <b>")
    assert other.get("/").status_code == 303


def test_a_form_without_the_sessions_token_does_nothing(board: Board, browser: Make) -> None:
    person = browser("Lan")
    of_another = browser("Lan").csrf()
    for token in (None, "", "x", "é", of_another):
        for path in (f"/site/{SITE}/power", "/drill", "/logout"):
            answer = person.post(path, {"on": "1"} | ({} if token is None else {"csrf": token}))
            assert answer.status_code == 403
    for kind, body in [("application/json", b'{"csrf": 1}'), ("multipart/form-data; boundary=x", b"--y\r\n\r\n")]:
        assert person.client.post("/drill", content=body, headers={"content-type": kind}).status_code == 403
    assert board.parts.live.asked == []  # type: ignore[attr-defined]
    assert person.get("/").status_code == 200


def test_a_form_of_another_page_does_nothing(board: Board, browser: Make) -> None:
    person, stranger = browser("Lan"), browser()
    for header in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://[::"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        assert person.post("/drill", {"csrf": person.csrf()}, **header).status_code == 403, header
        answer = stranger.post("/login", {"name": "Lan", "password": PASSWORD}, **header)
        assert answer.status_code == 403  # nobody is signed in as somebody else
        assert "set-cookie" not in answer.headers
    assert board.parts.live.asked == []  # type: ignore[attr-defined]


def test_a_body_without_end_is_not_read(browser: Make) -> None:
    person = browser("Lan")
    headers = {"content-type": "application/x-www-form-urlencoded", "origin": person.origin}
    body = b"csrf=" + b"x" * USUAL_BYTES
    assert person.client.post("/drill", content=body, headers=headers).status_code == 413


@pytest.mark.parametrize(
    ("next_", "to"),
    [
        ("/wall", "/wall"),
        (f"/site/{SITE}?q=1", f"/site/{SITE}?q=1"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example", "/"),
        ("/\r\nset-cookie: a=b", "/"),
        ("", "/"),
        ("evil", "/"),
        ("/logout", "/"),
        ("/login?next=/login", "/"),
    ],
)
def test_signing_in_leads_to_our_own_pages(next_: str, to: str) -> None:
    assert local_path(next_) == to


def test_signing_in_leads_where_somebody_wanted_to_go(browser: Make) -> None:
    assert browser().sign_in("Lan", next_="/wall?x=1").headers["location"] == "/wall?x=1"
    assert browser().sign_in("Lan", next_="//evil.example").headers["location"] == "/"


def test_wrong_names_and_passwords_are_told_alike_and_then_have_to_wait(browser: Make) -> None:
    stranger = browser()
    answers = [stranger.sign_in(name, "wrong password") for name in ("Lan", "nobody")]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].text.replace("Lan", "nobody") == answers[1].text
    for _ in range(4):
        stranger.sign_in("Lan", "wrong password")
    answer = stranger.sign_in("Lan")  # the right one, too soon
    assert answer.status_code == 429
    assert "30 giây" in answer.text
    assert stranger.sign_in("Hùng <b>").status_code == 303


def test_names_are_escaped(browser: Make) -> None:
    person = browser("Hùng <b>")
    assert "Hùng &lt;b&gt;" in person.get("/").text
    assert "Hùng <b>" not in person.get("/").text
    answer = browser().sign_in('"><script>alert(1)</script>', "wrong password")
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_everybody_is_somebody_in_the_demo_but_forms_are_still_of_our_pages(engine: Engine) -> None:
    with Board(ToldLive(), engine, everybody=User("demo", "technician")) as board:
        visitor = Browser(board.url)
        assert visitor.get("/").status_code == 200
        assert visitor.get("/login").headers["location"] == "/"
        assert visitor.act("/drill").status_code == 303
        assert visitor.post("/drill", {"csrf": ""}).status_code == 403
        assert visitor.post("/drill", {"csrf": visitor.csrf()}, origin="http://evil.example").status_code == 403
        visitor.close()


def test_a_stream_ends_with_its_session(engine: Engine) -> None:
    with Board(ToldLive(), engine) as board:
        board.access.streams.look_every_s = 0.05
        board.access.users.add("Lan", "viewer", PASSWORD)
        person = Browser(board.url)
        person.sign_in("Lan")
        at = re.search(r'data-at="([^"]+)"', person.get("/").text)
        assert at is not None
        with person.client.stream("GET", f"/live?at={at[1]}") as stream:
            assert stream.status_code == 200
            threading.Timer(0.2, board.access.users.remove, ["Lan"]).start()
            for _ in stream.iter_raw():
                pass  # until it ends
        assert person.get("/live").status_code == 401
        person.close()


def test_a_database_that_is_away_is_said_in_a_sentence(board: Board, browser: Make) -> None:
    person = browser("Lan")

    @event.listens_for(board.parts.engine, "before_cursor_execute")
    def away(*_: object) -> None:
        from sqlalchemy.exc import OperationalError

        raise OperationalError("select", {}, Exception("gone"))

    answer = person.get("/")
    assert answer.status_code == 503
    assert "cơ sở dữ liệu" in answer.text
    assert person.post("/login", {"name": "Lan", "password": PASSWORD}).status_code == 503
    event.remove(board.parts.engine, "before_cursor_execute", away)
    assert person.get("/").status_code == 200


def test_the_board_answers_to_its_own_names_only(board: Board, browser: Make) -> None:
    """Else a page from elsewhere whose name leads to this machine could read it."""
    port = board.url.rstrip("/").rpartition(":")[2]
    stranger = browser()
    assert stranger.get("/login", host="evil.example").status_code == 400
    assert stranger.get("/login", host=f"localhost:{port}").status_code == 200
    assert stranger.get("/login", host=f"[::1]:{port}").status_code == 200


def test_behind_a_proxy_cookies_are_for_tls_and_the_proxy_says_who_asks(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "diemcau.board")
    place = Place(port=0, is_behind_proxy=True, names=("board.example",))
    with Board(ToldLive(), engine, place) as board:
        board.access.users.add("Lan", "operator", PASSWORD)
        person = Browser(board.url)
        through = {"host": "board.example", "origin": "https://board.example", "x-forwarded-proto": "https"}
        through |= {"x-forwarded-for": "6.6.6.6, 10.0.0.9"}
        person.post("/login", {"name": "Lan", "password": "wrong password"}, **through)
        assert "10.0.0.9" in caplog.text
        answer = person.post("/login", {"name": "Lan", "password": PASSWORD}, **through)
        assert answer.status_code == 303
        assert "Secure" in answer.headers["set-cookie"]
        assert person.post("/login", {}, **through | {"origin": "https://evil.example"}).status_code == 403
        person.close()
