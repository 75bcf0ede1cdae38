"""``diemcau power`` and ``diemcau identify``: what people and programs get, and the exit code."""

from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.console import site_commands
from agent.console.ask import Answer
from agent.console.power_commands import identify, power
from agent.console.site_commands import why_not
from agent.core.contract import Power
from tests.console.test_cli import complaint, diemcau
from tests.console.test_site_commands import answer, silent


def stage(state: str, step: str | None = None, reason: str | None = None) -> Power:
    common = {"at": "2012-11-20T07:30:00.000Z", "session": "s", "clock": "synced", "loads": {}}
    extra = {key: value for key, value in {"step": step, "reason": reason}.items() if value is not None}
    return Power.model_validate({**common, "state": state, **extra})


class FakeAsking:
    answer: Answer
    steps: tuple[Power, ...] = ()
    asked: tuple[Any, ...]

    def __init__(self, broker: Any, site: str, on_away: Any, on_step: Any) -> None:
        self.on_step = on_step

    def ask(self, *what: Any) -> Answer:
        FakeAsking.asked = what
        for step in FakeAsking.steps if self.on_step else ():
            self.on_step(step)
        return FakeAsking.answer


def run(
    monkeypatch: pytest.MonkeyPatch, command: Any, given: Answer, *arguments: str, steps: tuple[Power, ...] = ()
) -> Result:
    monkeypatch.setattr(site_commands, "Asking", FakeAsking)
    FakeAsking.answer, FakeAsking.steps = given, steps
    return CliRunner().invoke(command, ["nam-sach", *arguments, "--broker", "mqtt://localhost"], standalone_mode=False)


def test_the_room_is_asked_for_and_each_step_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = (stage("starting", "codec"), stage("starting", "codec"), stage("starting", "display"), stage("on"))
    result = run(monkeypatch, power, answer({}), "on", steps=steps)
    assert result.return_value == 0
    assert FakeAsking.asked[:2] == ("power", {"on": True})
    assert result.stdout.endswith("Nam Sách: phòng / room: bật / on\n")
    assert [line for line in result.output.splitlines() if "starting" in line] == [
        "diemcau: nam-sach: đang bật / starting codec",
        "diemcau: nam-sach: đang bật / starting display",
    ]


def test_one_load_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, power, answer({}), "off", "--load", "display")
    assert FakeAsking.asked[:2] == ("load", {"name": "display", "on": False})
    assert result.output == "Nam Sách: display: tắt / off\n"


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [
        ("refused", "locked", "từ chối / refused: đang họp, phòng đã khoá / a conference is live"),
        ("refused", "min_off: 20 s", "refused: thiết bị phải nghỉ thêm / the load has to stay off for longer (20 s)"),
        ("failed", "superseded", "failed: có lệnh ngược lại sau đó / somebody wanted the contrary meanwhile"),
        (
            "failed",
            "codec: not_proven: codec-answers",
            "failed: codec: thiết bị không phản hồi kịp / the load did not prove itself in time (codec-answers)",
        ),
        (
            "failed",
            "amp: relay_failed",
            "failed: amp: rơ-le không đóng cắt được / the relay could not be driven",
        ),
        ("failed", "\x1b[31mred", "failed: �[31mred"),
    ],
)
def test_why_it_was_not_done_is_said(state: str, reason: str, words: str) -> None:
    assert why_not(answer(None, state, reason), "nam-sach").endswith(words)


@pytest.mark.parametrize(
    ("loads", "words"),
    [
        (("codec", "display\x07"), "no load of that name; thiết bị của phòng / the room's loads: codec, display�"),
        (tuple(f"l{number}" for number in range(99)), "l28, l29, …"),
        ((), "no load of that name; phòng này không có thiết bị nào / this room has no loads"),
        (None, "there is no load of that name"),
    ],
)
def test_who_named_a_load_that_is_not_there_hears_which_ones_are(loads: tuple[str, ...] | None, words: str) -> None:
    said = replace(answer(None, "refused", "unknown_load"), loads=loads)
    assert why_not(said, "nam-sach").endswith(words)
    other = replace(answer(None, "refused", "locked"), loads=loads)
    assert why_not(other, "nam-sach").endswith("a conference is live")


def test_a_site_that_accepted_and_did_not_finish_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, power, silent("not_finished"), "on")
    assert result.return_value == 1
    assert "accepted, but not finished yet" in result.output


def test_identify_says_for_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, identify, answer({}), "--for", "60")
    assert FakeAsking.asked[:2] == ("identify", {"for_s": 60.0})
    assert result.output == "Nam Sách: đèn nháy / the lamp flickers: 60 s\n"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("power", "nam-sach"), "off"),
        (("power", "nam-sach", "up"), "'on', 'off'"),
        (("power", "Nam Sách", "on"), "a site id is"),
        (("identify", "nam-sach", "--for", "0"), "--for"),
        (("identify", "nam-sach", "--for", "nan"), "--for"),
    ],
)
def test_wrong_use_is_one_sentence(arguments: tuple[str, ...], hint: str) -> None:
    done = diemcau(*arguments)
    assert done.returncode == 2
    assert hint in complaint(done)
