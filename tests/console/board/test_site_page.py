import json
from datetime import UTC, datetime

import pytest

from agent.console.board.site_history import events, spans
from agent.console.recorder_tables import META, ROW
from agent.console.sites import SiteView
from agent.core.contract import Check, ConfigProblem, ConfigReported, Health, Power, Readiness
from tests.console.board.page_bed import client, database
from tests.console.board.stand_in import StandIn, tile

NOW = datetime.now(UTC)
COMMON = {"at": NOW, "session": "s", "clock": "synced"}
EVIL = "<script>alert(1)</script>"


def row(seq, topic, at_s, **more):
    said = {"site": "a", "epoch": "e", "seq": seq, "topic": topic, "at_s": at_s, "said_at_s": at_s, "clock": "synced"}
    return {**said, "boot_id": "b", "uptime_s": 1.0, "received_s": at_s, "prev": seq - 1, "payload": "{}", **more}


def event(seq, at_s, kind, severity="info", by=None, **detail):
    payload = json.dumps({"kind": kind, "by": by, "detail": detail})
    return row(seq, "history/event", at_s, kind=kind, severity=severity, payload=payload)


def kept(*rows):
    engine = database()
    with engine.begin() as db:
        for each in rows:
            db.execute(ROW.insert(), each)
    return engine


def view():
    power = Power(**COMMON, state="fault", loads={EVIL: "on", "codec": "unknown"}, step=EVIL, by="command", who=EVIL,
                  reason="not_proven", locked=True)  # fmt: skip
    check = Check(name=EVIL, group="display", required=True, state="failed", reason="missing", since=NOW, advice=EVIL)
    strange = Check(name="b", group="audio", required=False, state="unknown", reason="from_the_future", since=NOW)
    config = ConfigReported(**COMMON, id="c", revision=7, digest=None, state="rejected", reason=EVIL,
                            errors=(ConfigProblem(path=EVIL, message=EVIL),), effective_digest="ab" * 32)  # fmt: skip
    health = Health(**COMMON, cpu_share=0.31, temperature_c=57.0, address=EVIL, rows_lost=4)
    readiness = Readiness(**COMMON, ready=False, checks=(check, strange))
    return SiteView("a", power=power, readiness=readiness, config=config, health=health, refused=3)


def test_all_that_is_known_of_a_site_is_there_and_escaped():
    engine = kept(event(1, NOW.timestamp(), "power.changed", "fault", EVIL, state=EVIL))
    with client(StandIn([tile("a", "fault")], {"a": view()}), engine) as board:
        text = board.get("/site/a").text
        assert EVIL not in text
        for said in ("không thấy thiết bị", "from_the_future", "thiết bị không phản hồi kịp", "lệnh từ trung tâm",
                     "bị từ chối", "31,0 %", "nguồn của phòng", "could not be read"):  # fmt: skip
            assert said in text, said


def test_a_site_of_which_hardly_anything_is_known_has_a_page():
    with client(StandIn([tile("a", "unknown", None, issues=(), trend=(), path=())])) as board:
        text = board.get("/site/a").text
        assert "No checks are known yet" in text
        assert "There is no history of this time yet" in text


def test_events_are_the_newest_fifty_of_this_site():
    engine = kept(*(event(seq, 1000.0 + seq, "recount", people=seq) for seq in range(1, 61)))
    found = events(engine, "a")
    assert [each.detail for each in found] == [f"people: {seq}" for seq in range(60, 10, -1)]
    assert events(engine, "b") == []


def test_a_kind_from_a_later_version_is_shown_as_it_came():
    assert events(kept(event(1, 1000.0, "moon.landed", x={"y": [1]})), "a")[0].words == ("moon.landed", "")


@pytest.mark.parametrize("payload", ["[]", "null", '{"detail": 7}', '{"by": 9, "detail": {"x": null}}', "{"])
def test_an_event_that_makes_no_sense_takes_nothing_else_away(payload):
    strange = row(1, "history/event", 1000.0, kind="recount", severity="info", payload=payload)
    with client(StandIn([tile("a")]), kept(strange, event(2, 2000.0, "device.lost"))) as board:
        text = board.get("/site/a").text
        assert "người đếm lại" in text
        assert "mất thiết bị" in text


def test_windows_come_in_their_order_and_only_those_of_the_time():
    windows = [
        row(seq, "history/headcount", 60.0 * seq, from_s=60.0 * seq - 60, to_s=60.0 * seq, value=seq)
        for seq in range(1, 6)
    ]
    assert [span.value for span in spans(kept(*windows), "a", 120.0, 240.0)] == [3, 4]


def test_a_database_that_is_away_leaves_the_rest_of_the_page():
    engine = database()
    META.drop_all(engine)
    with client(StandIn([tile("a")]), engine) as board:
        answer = board.get("/site/a")
        assert answer.status_code == 200
        assert "The database cannot be read" in answer.text
