"""The last good config, the ten before it, the one on trial: what each order leaves in the state folder."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.generations import Generations, kept_configs, storing, written
from agent.core.commands import DiscardCandidate, PromoteCandidate, StageCandidate
from agent.core.config_document import digest
from agent.core.events import CandidateDiscarded, CandidatePromoted, CandidateStaged

MESSAGE = json.dumps({"id": "a1", "revision": 7, "config": {"site": {"name": "phòng họp"}}}, ensure_ascii=False)


def named(name: str) -> dict[str, Any]:
    return {"site": {"name": name}}


def names(state: Path) -> list[str]:
    return sorted(path.name for path in state.iterdir())


def kept(state: Path) -> list[str]:
    return [json.loads(path.read_text(encoding="utf-8"))["site"]["name"] for path in kept_configs(state)]


def test_a_candidate_lies_there_as_it_came(tmp_path: Path) -> None:
    here = Generations(tmp_path)
    assert here.candidate() is None
    here.stage(MESSAGE)
    assert here.candidate() == MESSAGE
    assert names(tmp_path) == ["room.candidate.json"]
    here.stage("{}")
    assert here.candidate() == "{}"


def test_a_promoted_one_is_the_last_good_one_and_the_one_before_is_kept(tmp_path: Path) -> None:
    here = Generations(tmp_path)
    here.promote(named("old"))
    here.stage(MESSAGE)
    here.promote(named("phòng họp"))
    assert here.candidate() == MESSAGE  # until what became of it is known elsewhere
    here.promote(named("phòng họp"))
    assert kept(tmp_path) == ["phòng họp", "old"]
    assert names(tmp_path) == ["room.before-000001.json", "room.json"]
    document = json.loads((tmp_path / "room.json").read_text(encoding="utf-8"))
    assert digest(document) == digest(named("phòng họp"))
    assert "phòng họp" in (tmp_path / "room.json").read_text(encoding="utf-8")


def test_a_discarded_one_is_set_aside_to_be_looked_at(tmp_path: Path) -> None:
    here = Generations(tmp_path)
    here.promote(named("old"))
    here.stage(MESSAGE)
    here.discard()
    here.discard()
    assert kept(tmp_path) == ["old"]
    assert names(tmp_path) == ["room.json", "room.rejected.json"]
    assert (tmp_path / "room.rejected.json").read_text(encoding="utf-8") == MESSAGE


def test_ordered_again_it_makes_no_second_generation_but_lets_go(tmp_path: Path) -> None:
    here = Generations(tmp_path)
    here.promote(named("old"))
    here.promote(named("new"))
    here.stage(MESSAGE)
    here.promote(named("new"))
    assert kept(tmp_path) == ["new", "old"]
    assert here.candidate() is None


def test_true_is_not_one(tmp_path: Path) -> None:
    here = Generations(tmp_path)
    here.promote({"power": {"button": {"hold_s": 1}}})
    here.promote({"power": {"button": {"hold_s": 1.0}}})
    assert len(kept_configs(tmp_path)) == 2


def test_ten_before_are_kept_and_their_numbers_rise(tmp_path: Path) -> None:
    here = Generations(tmp_path)
    for number in range(15):
        here.promote(named(str(number)))
    assert kept(tmp_path) == [str(number) for number in reversed(range(4, 15))]
    assert names(tmp_path)[0] == "room.before-000005.json"
    assert names(tmp_path)[9] == "room.before-000014.json"


def test_numbers_of_seven_digits_are_still_numbers(tmp_path: Path) -> None:
    (tmp_path / "room.before-999999.json").write_text(written(named("a")))
    here = Generations(tmp_path)
    for name in ("b", "c", "d"):
        here.promote(named(name))
    assert kept(tmp_path) == ["d", "c", "b", "a"]


@pytest.mark.parametrize("damaged", [b"", b'{"site": {"na', b"\0" * 50, b"\xff\xfe{}", b'{"sit": {}}', b"[]"])
def test_a_damaged_last_good_one_is_kept_aside_and_never_among_the_good(tmp_path: Path, damaged: bytes) -> None:
    here = Generations(tmp_path)
    here.promote(named("a"))
    here.promote(named("b"))
    (tmp_path / "room.json").write_bytes(damaged)
    here.promote(named("c"))
    assert kept(tmp_path) == ["c", "a"]
    assert (tmp_path / "room.damaged.json").read_bytes() == damaged


def test_what_no_person_calls_a_file_is_no_reason_to_lose_the_update(tmp_path: Path) -> None:
    (tmp_path / "room.json").mkdir()
    here = Generations(tmp_path)
    here.stage(MESSAGE)
    with pytest.raises(OSError, match="directory"):
        here.promote(named("new"))
    assert here.candidate() == MESSAGE
    assert names(tmp_path) == ["room.candidate.json", "room.json"]


def test_a_candidate_that_is_no_text_counts_as_none_and_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "room.candidate.json").write_bytes(b"\xff\xfe")
    here = Generations(tmp_path)
    assert here.candidate() is None
    assert names(tmp_path) == ["room.rejected.json"]
    assert "is set aside" in caplog.text


@pytest.mark.parametrize(
    ("candidate", "rejected", "highest"),
    [
        (None, None, 0),
        ('{"revision": 3}', None, 3),
        ('{"revision": 3}', '{"revision": 5}', 5),
        ('{"revision": 3}', "{", 3),
        ("[]", '{"revision": true}', 0),
        ('{"revision": 1e3}', '{"revision": "5"}', 0),
        ('{"revision": -1}', '{"revision": 9007199254740992}', 0),
        ("[" * 100_000, "7", 0),
        ("\0", '{"revision": 8, "config": {"nobody": 1}}', 8),
    ],
)
def test_the_highest_revision_of_what_was_set_aside_is_told(
    tmp_path: Path, candidate: str | None, rejected: str | None, highest: int
) -> None:
    for name, text in (("candidate", candidate), ("rejected", rejected)):
        if text is not None:
            (tmp_path / f"room.{name}.json").write_text(text)
    assert Generations(tmp_path).highest() == highest


def test_what_a_write_that_was_cut_off_left_is_taken_away_and_nothing_else(tmp_path: Path) -> None:
    ours = (".room.json.abc_12", ".room.candidate.json.x", ".room.before-000003.json.k2")
    others = ("room.json", ".room.json", "room.before-1.json", ".roomy.json.x", "agent.db", "notes.json.x")
    for name in (*ours, *others):
        (tmp_path / name).write_text("{}")
    Generations(tmp_path).tidy()
    assert names(tmp_path) == sorted(others)


def test_what_is_no_generation_is_none(tmp_path: Path) -> None:
    for name in ("room.before-.json", "room.before-000001.json.bak", "room.before-00001.json", "room.rejected.json"):
        (tmp_path / name).write_text("{}")
    assert kept_configs(tmp_path) == []
    assert kept_configs(tmp_path / "nowhere") == []


def test_the_handlers_say_what_is_on_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    orders = (StageCandidate(MESSAGE), PromoteCandidate(named("new")), DiscardCandidate())
    answers = (CandidateStaged, CandidatePromoted, CandidateDiscarded)
    (tmp_path / "file").write_text("")
    for state, is_on_disk in ((tmp_path / "state", True), (tmp_path / "file", False)):
        handlers = storing(Generations(state))
        assert [handlers[type(order)](order) for order in orders] == [answer(is_on_disk) for answer in answers]
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 3
