"""``diemcau recount`` and ``diemcau aim``: what people and programs get, and the exit code."""

from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.adapters.mosquitto import Mosquitto, free_port
from agent.console import site_commands
from agent.console.ask import Answer
from agent.console.site_commands import aim, document, recount, why_not
from agent.console.words import COMMAND_REASON, SILENCE
from agent.core.contract import CommandResult, Recounted
from tests.console.test_cli import complaint, diemcau

GEOMETRY = {
    "width": 1920, "height": 1080, "include": [], "exclude": [[[0.5, 0.0], [1.0, 0.0], [1.0, 0.5]]], "set_aside": [],
    "places": [{"x": 0.1, "y": 0.2, "w": 0.05, "h": 0.1, "seen_share": 0.75}],
}  # fmt: skip


def answer(result: dict[str, Any] | None = None, state: str = "done", reason: str | None = None) -> Answer:
    common = {"at": datetime.now(UTC), "session": "s", "clock": "synced"}
    said = CommandResult.model_validate({**common, "id": "c-1", "state": state, "reason": reason, "result": result})
    return Answer("c-1", said, None, "running", "Nam Sách")


def silent(word: str = "no_answer") -> Answer:
    return Answer("c-1", None, word, "lost", "nam-sach")


class FakeAsking:
    answer: Answer
    asked: tuple[Any, ...]

    def __init__(self, broker: Any, site: str, on_away: Any, on_step: Any) -> None:
        pass

    def ask(self, *what: Any) -> Answer:
        FakeAsking.asked = what
        return FakeAsking.answer


def run(monkeypatch: pytest.MonkeyPatch, command: Any, given: Answer, *arguments: str) -> Result:
    monkeypatch.setattr(site_commands, "Asking", FakeAsking)
    FakeAsking.answer = given
    broker = ("--broker", "mqtt://localhost")
    return CliRunner().invoke(command, ["nam-sach", *broker, *arguments], standalone_mode=False)


def test_a_recount_shows_both_numbers_and_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, recount, answer({"people": 50, "value": 49, "error": 0.02}), "--people", "50")
    assert result.return_value == 0
    assert result.output == "Nam Sách: người đếm / by hand: 50 · máy đếm / machine: 49 · sai / error: 2.0%\n"


def test_a_recount_without_a_number_of_the_machine_says_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    given = answer({"people": 50, "value": None, "error": None, "replaced": 500})
    output = run(monkeypatch, recount, given, "--people", "50").output
    assert "by hand: 50 (thay cho / instead of 500) · máy đếm / machine: chưa rõ / unknown\n" in output
    assert "error" not in output


def test_who_asks_is_user_and_host_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    given = answer({"people": 50, "value": 49, "error": 0.02})
    run(monkeypatch, recount, given, "--people", "50")
    action, args, by, within_s = FakeAsking.asked
    assert (action, args, within_s) == ("recount", {"people": 50}, 30)
    assert "@" in by
    run(monkeypatch, recount, given, "--people", "50", "--by", "ông An", "--within", "5")
    assert FakeAsking.asked[2:] == ("ông An", 5)


def test_a_name_that_is_no_text_is_sent_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    given = answer({"people": 50, "value": 49, "error": 0.02})
    run(monkeypatch, recount, given, "--people", "50", "--by", "an\udcff" + "x" * 300)
    assert FakeAsking.asked[2] == "an?" + "x" * 197


def test_aim_draws_a_map_and_lists_the_places(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, aim, answer(GEOMETRY))
    assert result.return_value == 0
    assert "1920 × 1080, chỗ ngồi / places: 1" in result.output
    assert "|" in result.output
    assert "75%" in result.output
    assert max(map(len, result.output.splitlines())) < 110


def test_aim_says_where_not_all_of_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not all of it fits" in run(monkeypatch, aim, answer({**GEOMETRY, "truncated": True})).output


def test_json_is_one_document(monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    printed = run(monkeypatch, aim, answer(GEOMETRY), "--json").output
    assert json.loads(printed) == {
        "site": "nam-sach", "action": "aim", "id": "c-1", "state": "done", "reason": None, "presence": "running",
        "result": GEOMETRY,
    }  # fmt: skip


def test_a_refusal_is_said_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, recount, answer(None, "refused", "too_many"), "--people", "50")
    assert result.return_value == 1
    assert "từ chối / refused: quá nhiều lệnh, chờ một phút rồi thử lại / too many commands" in result.output


@pytest.mark.parametrize("given", [answer(None), answer({"people": "x"}), answer({"width": 1})])
def test_an_answer_that_cannot_be_read_fails(monkeypatch: pytest.MonkeyPatch, given: Answer) -> None:
    result = run(monkeypatch, aim, given)
    assert result.return_value == 1
    assert "cannot be read" in result.output


def test_silence_says_what_the_site_last_said_of_itself() -> None:
    sentence = why_not(silent(), "nam-sach")
    assert "không trả lời kịp" in sentence
    assert "mất kết nối / lost" in sentence
    assert document(silent(), "nam-sach", "recount", None) | {"id": ""} == {
        "site": "nam-sach", "action": "recount", "id": "", "state": "no_answer", "reason": "no_answer",
        "presence": "lost", "result": None,
    }  # fmt: skip


@pytest.mark.parametrize("reason", [*COMMAND_REASON, "flux", "malformed: args.people: \x1b[31m", None])
def test_every_reason_is_one_printable_line(reason: str | None) -> None:
    assert why_not(answer(None, "refused", reason), "nam-sach").isprintable()


@pytest.mark.parametrize("word", sorted(SILENCE))
def test_every_silence_has_words_in_both_languages(word: str) -> None:
    assert " / " in why_not(silent(word), "nam-sach").partition(";")[0]


def test_a_done_result_is_shown_with_only_what_is_in_it() -> None:
    done = Recounted(people=5, value=None, error=None)
    assert document(answer({}), "s", "recount", done)["result"] == {"people": 5, "value": None, "error": None}


# The command line itself


@pytest.mark.parametrize(
    "arguments",
    [
        ["recount"],
        ["recount", "nam-sach"],
        ["recount", "nam-sach", "--people", "-1"],
        ["recount", "nam-sach", "--people", "100001"],
        ["recount", "nam-sach", "--people", "many"],
        ["recount", "nam-sach", "--people", "2.5"],
        ["recount", "Nam-Sach", "--people", "5"],
        ["recount", "nam/sach", "--people", "5"],
        ["recount", "#", "--people", "5"],
        ["recount", "nam-sach", "--people", "5", "--within", "0"],
        ["aim"],
        ["aim", "+"],
        ["aim", "_all"],
        ["aim", "a" * 64],
        ["aim", "nam-sach", "--people", "5"],
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(arguments: list[str]) -> None:
    result = diemcau(*arguments)
    assert result.returncode == 2
    assert "--help" in complaint(result)


@pytest.mark.parametrize("command", [["recount", "nam-sach", "--people", "5"], ["aim", "nam-sach"]])
def test_without_a_broker_it_says_so(command: list[str]) -> None:
    result = diemcau(*command, "--broker", f"mqtt://127.0.0.1:{free_port()}")
    assert result.returncode == 1
    assert "start it, or correct the address" in complaint(result)


def test_a_site_that_was_never_there_fails_at_once(broker: Mosquitto) -> None:
    result = diemcau("recount", "nam-sach", "--people", "5", "--broker", broker.url)
    assert result.returncode == 1
    assert "no such site is connected" in complaint(result)
