"""What a site may have said to spoil a report: times at the end of all years, numbers without end, formulas."""

import json
from pathlib import Path

import pytest

from agent.console.report import html, sheet
from agent.console.report.document import iso
from agent.console.report.local import Local
from agent.console.store import Store
from tests.console.report import bed
from tests.console.report.bed import MINUTE, STARTS_S

YEAR_9999_S = 253_402_300_799.0


@pytest.mark.parametrize("at_s", [YEAR_9999_S, -62_135_596_800.0, 1e300, -1e300])
def test_a_report_with_times_of_no_calendar_is_made_all_the_same(tmp_path: Path, at_s: float) -> None:
    store = Store(f"sqlite:///{tmp_path}/centre.db")
    store.start()
    store.conferences.keep_summons([bed.summons("a", 20), bed.summons("b", 20, ends_at_s=max(at_s, STARTS_S + MINUTE))])
    store.write([*bed.minutes("a", 0, 60, 12)])
    made = bed.made(store)
    assert "<table" in html.page(made)
    assert sheet.sites(made).count("\r\n") == 3
    assert iso(at_s)[-1] == "Z"
    assert Local({**made, "total": {**made["total"], "from": iso(at_s), "every_s": 1e12}}).step(3)
    store.close()


def test_numbers_without_end_are_passed_over(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/centre.db")
    store.start()
    store.conferences.keep_summons([bed.summons("a", 20)])
    endless = 10**400
    store.write(
        [
            *bed.minutes("a", 0, 60, 12),
            bed.event("a", 20, "recount", by="x", people=endless, value=1, error=0.1),
            bed.event("a", 30, "recount", by="x", people=12, value=endless, error=endless),
        ]
    )
    made = bed.made(store)
    assert [(each["people"], each["error"]) for each in made["sites"][0]["recounts"]] == [(12, None)]
    assert json.dumps(made)
    store.close()


@pytest.mark.parametrize("text", ["=1+1", "a;=1+1", "a,@x", " =1", "a\n-1", "\t=1", "\r", "a; \t+1"])
def test_a_text_that_would_be_a_formula_with_any_separator_is_marked(text: str) -> None:
    assert sheet._shown(text, ";") == f"'{text}"


@pytest.mark.parametrize("text", ["a=1", "Phòng 2-3", "a@b", "Hải Dương / Chí Linh", "reason=1.5"])
def test_other_texts_are_as_they_were(text: str) -> None:
    assert sheet._shown(text, ";") == text
    assert sheet._shown(-1.5, ";") == "-1,5"
