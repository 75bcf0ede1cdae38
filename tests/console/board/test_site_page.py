import html
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

import agent.core
from agent.console.board.deeds import DeedLog
from agent.console.board.event_words import KIND, described
from agent.console.board.feed import Feed
from agent.console.board.site_history import events, spans
from agent.console.board.site_page import Pages
from agent.console.recorder_tables import META, ROW
from agent.console.sites import SiteView
from agent.core.advice import SENTENCES
from agent.core.contract import Check, ConfigProblem, ConfigReported, Health, Power, Readiness, Status
from tests.console.board.page_bed import client, database, parts
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
    assert [each.detail for each in found] == [(f"{seq} người", f"{seq} people") for seq in range(60, 10, -1)]
    assert events(engine, "b") == []


def a_view(status="running"):
    fresh = {**COMMON, "at": datetime.now(UTC)}  # else the site is silent by now
    power = Power(**fresh, state="on", loads={"codec": "on"}, step=None, by=None, who=None, reason=None, locked=False)
    camera = Check(name="camera-main", group="display", required=True, state="ok", reason=None, since=NOW)
    known = Status(**fresh, state=status, version="1", connection=1, boot_id="b")
    return SiteView("a", status=known, power=power, readiness=Readiness(**fresh, ready=True, checks=(camera,)))


def test_of_a_site_that_is_lost_all_is_shown_as_it_was_last_told():
    with client(StandIn([tile("a", "offline", None)], {"a": a_view("lost")})) as board:
        text = board.get("/site/a").text
        assert "s-ready" not in text
        assert text.count("as last told at") == 2
        assert "unknown (last: on)" in text.partition('id="p-load-1"')[2].partition("</td>")[0]
        assert "chưa rõ (lần cuối: bật)" in text.partition('id="p-power"')[2]
        assert "unknown (last: ok)" in text


def test_of_a_site_that_is_there_it_is_shown_as_it_is():
    with client(StandIn([tile("a")], {"a": a_view()})) as board:
        text = board.get("/site/a").text
        assert "s-ready" in text.partition('id="p-devices"')[2]
        assert "last told" not in text
        assert "last:" not in text


def test_advice_is_there_in_both_languages():
    sentence, english = SENTENCES["usb-camera", "missing"]
    check = Check(
        name="c", group="display", required=True, state="failed", reason="missing", since=NOW, advice=sentence
    )
    with client(
        StandIn([tile("a")], {"a": SiteView("a", readiness=Readiness(**COMMON, ready=False, checks=(check,)))})
    ) as board:
        text = html.unescape(board.get("/site/a").text)
        assert sentence in text
        assert f'lang="en">{english}' in text


@pytest.mark.parametrize(
    ("kind", "detail", "said"),
    [
        (
            "recount",
            {"people": 10, "value": 8, "error": 0.2},
            ("10 người, máy 8, lệch 20,0 %", "10 people, the machine 8, off by 20.0 %"),
        ),
        ("recount", {"people": 0, "value": None, "error": None}, ("0 người", "0 people")),
        (
            "power.changed",
            {"state": "fault", "loads": {"tv": "off"}, "step": "tv", "reason": "not_proven: tv"},
            (
                "lỗi, tv tắt, bước tv, thiết bị không phản hồi kịp (tv)",
                "fault, tv off, step tv, the load did not prove itself in time (tv)",
            ),
        ),
        (
            "outbox.gap",
            {"from": 0, "to": 0, "count": 3, "why": "disk_failed"},
            ("3 dòng, thẻ nhớ hỏng", "3 rows, the disk failed"),
        ),
        ("agent.restarted", {"cause": "power"}, ("mất điện", "a power cut")),
        (
            "device.lost",
            {"check": "camera-main", "reason": "missing"},
            ("camera-main, không thấy thiết bị", "camera-main, missing"),
        ),
        (
            "config.rejected",
            {"id": "x", "revision": 4, "digest": "ab", "reason": "stale_base", "changed": ["power.loads"]},
            None,
        ),
        (
            "button.refused",
            {"reason": "locked", "count": 2},
            ("đang họp, phòng đã khoá, 2 lần", "a conference is live, 2 times"),
        ),
        ("moon.landed", {"crew": [1, 2]}, ("crew: 1, 2", "crew: 1, 2")),
        ("recount", {"people": {"<b>": [None]}, "loads": 7, "error": "x"}, None),
    ],
)
def test_details_are_sentences(kind, detail, said):
    found = described(kind, detail)
    assert said is None or found == said


def test_every_kind_of_event_that_a_site_writes_has_words():
    core = Path(agent.core.__file__).parent
    text = "".join(each.read_text() for folder in (core, core.parent) for each in folder.glob("*.py"))
    kinds = set(re.findall(r'NoteEvent\(\s*"([a-z._]+)"', text))
    assert "agent.restarted" in kinds
    assert kinds | {f"config.{state}" for state in ("applied", "rejected", "rolled_back")} <= KIND.keys()


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


def test_what_came_of_a_deed_is_told_once_it_is_known():
    engine, live = database(), StandIn([tile("a")])
    log, pages = DeedLog(engine), Pages(parts(live, engine), Feed(live))
    number = str(log.begin("lan", "a", "power", {"on": False}))
    assert pages.outcome("a", number) == {}
    log.finish(int(number), "done")
    assert "xong" in pages.outcome("a", number)["p-deed"]
    assert pages.outcome("b", number) == pages.outcome("a", "x") == pages.outcome("a", "99") == {}
