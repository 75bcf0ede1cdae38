from starlette.testclient import TestClient

from agent.console.board.app import create_app
from agent.console.board.render import asset
from tests.console.board.page_bed import client, parts
from tests.console.board.stand_in import StandIn, tile


class Broken(StandIn):
    def view(self, site):
        raise RuntimeError("secret of the inside")


def test_every_answer_forbids_scripts_from_elsewhere():
    with client(StandIn()) as board:
        for path in ("/", "/wall", "/nosuch", asset("board.css"), "/health"):
            headers = board.get(path).headers
            assert headers["content-security-policy"].startswith("default-src 'self'"), path
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"


def test_pages_are_kept_by_nobody_and_files_with_a_digest_for_ever():
    with client(StandIn()) as board:
        assert board.get("/").headers["cache-control"] == "no-store"
        assert "immutable" in board.get(asset("live.js")).headers["cache-control"]
        assert "immutable" not in board.get("/static/live.js").headers["cache-control"]


def test_what_is_not_there_is_a_page_in_both_languages():
    with client(StandIn()) as board:
        for path in ("/nosuch", "/site/nosuch", "/static/nosuch.js", "/static/../app.py"):
            answer = board.get(path)
            assert answer.status_code == 404
            assert "Không có trang này" in answer.text
            assert "No such page" in answer.text


def test_an_error_of_ours_shows_nothing_of_the_inside():
    with client(Broken([tile("a")])) as board:
        answer = board.get("/site/a")
        assert answer.status_code == 500
        assert "Lỗi của phần mềm" in answer.text
        assert "secret" not in answer.text
        assert "Traceback" not in answer.text
        assert answer.headers["content-security-policy"]


def test_a_wrong_method_is_a_page_too():
    with client(StandIn()) as board:
        assert board.delete("/").status_code in (403, 405)


def test_only_the_names_that_were_given_are_answered():
    board = TestClient(create_app(parts(StandIn()), allowed_hosts=["board.example"]), base_url="http://board.example")
    with board:
        assert board.get("/health").status_code == 200
        assert board.get("/health", headers={"host": "evil.example"}).status_code == 400


def test_a_supervisor_hears_whether_the_broker_is_there_and_nothing_else():
    live = StandIn([tile("a", name="geheim")])
    with client(live) as board:
        assert (board.get("/health").status_code, board.get("/health").text) == (200, "ok\n")
        live.show(is_connected=False)
        assert board.get("/health").status_code == 503


def test_large_pages_are_packed():
    with client(StandIn(tile(f"site-{number}") for number in range(50))) as board:
        assert board.get("/").headers["content-encoding"] == "gzip"
