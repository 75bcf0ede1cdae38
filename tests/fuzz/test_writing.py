"""What we say ourselves is JSON in UTF-8, whatever a driver, a file name or a terminal gave us to say it with."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.config import parse_room
from agent.core.contract import Aim, Headcount, HistoryEvent, Power, decode, encode
from agent.core.errors import ConfigError
from tests.core.rig import examples
from tests.fuzz import seeds

AT = datetime(2012, 11, 20, 7, 30, tzinfo=UTC)
ANY_TEXT = st.text(st.characters(), max_size=8)  # with lone surrogates, of which UTF-8 has none


def is_text(value: Any) -> bool:
    try:
        return bool(json.dumps(value, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        return False


@examples(150)
@given(by=ANY_TEXT, detail=st.dictionaries(ANY_TEXT, st.one_of(ANY_TEXT, st.lists(ANY_TEXT, max_size=3)), max_size=4))
def test_any_text_of_ours_can_be_sent_and_read(by: str, detail: dict[str, Any]) -> None:
    said = HistoryEvent(
        at=AT, session="s", clock="synced", boot_id="b", uptime_s=1.5, kind="x", severity="info", by=by, detail=detail
    )
    read = decode(HistoryEvent, encode(said))
    assert (read.at, read.uptime_s) == (said.at, said.uptime_s)
    assert read == said or not is_text([by, detail])


def test_half_a_letter_is_replaced_and_the_others_stay() -> None:
    power = Power(at=AT, session="s", clock="synced", state="fault", loads={}, reason="Máy\ud800 chiếu", who=None)
    said = json.loads(encode(power))
    assert (said["reason"], said["who"], said["at"]) == ("Máy? chiếu", None, seeds.AT)
    assert "by" not in said


@pytest.mark.parametrize("raw", [b"NaN", b"Infinity", b"-Infinity"])
@pytest.mark.parametrize("name", ["detail", "colour"])
def test_what_is_no_number_is_refused_also_where_no_field_stands(raw: bytes, name: str) -> None:
    good = json.dumps({**seeds.PAYLOADS["history/event"], name: {"a": "HERE"}}).encode()
    decode(HistoryEvent, good.replace(b"HERE", raw))  # as a word it may stand there
    with pytest.raises(ValueError, match=r"^\w+: "):
        decode(HistoryEvent, good.replace(b'"HERE"', raw))


def test_a_number_too_large_to_be_sent_on_is_refused() -> None:
    good = json.dumps({**seeds.PAYLOADS["history/event"], "detail": {"a": 7}}).encode()
    with pytest.raises(ValueError, match=r"^detail: "):
        decode(HistoryEvent, good.replace(b"7}", b"1e999}"))


def test_a_headcount_that_no_room_can_have_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^value: "):
        decode(Headcount, json.dumps({**seeds.COUNT, "value": 10**400}).encode())


@pytest.mark.parametrize("x", [1.1, -0.1, 1e308])
def test_zones_outside_the_frame_are_no_answer(x: float) -> None:
    with pytest.raises(ValueError, match=r"^include\.0: .*0\.\.1"):
        decode(Aim, json.dumps({**seeds.AIM, "include": [[[0, 0], [1, 0], [x, 1]]]}).encode())


def test_a_complaint_about_half_a_letter_can_be_shown() -> None:
    with pytest.raises(ConfigError, match=r"^f: this is not JSON: .*surrogate") as refusal:
        parse_room('{"power": {"\\ud800": 1}}', "f", json_document=True)
    assert str(refusal.value).encode()
