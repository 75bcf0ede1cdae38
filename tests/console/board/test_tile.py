"""One site's tile: a number only where it can be believed, and the worst first."""

import json
from datetime import timedelta
from typing import Any

import pytest

from agent.console.board.deaf import Hearing, deafness
from agent.console.board.issues import Acknowledged
from agent.console.board.shown import cell
from agent.console.board.tile import Tile, sortable, tile
from agent.console.sites import Sites, SiteView, take
from tests.console.board.test_issues import AT, conference, readiness, site
from tests.console.test_sites import folded, headcount, status
from tests.console.test_table import check, power, told


def test_a_site_that_is_well_shows_its_number() -> None:
    about = told("about", name="Thị xã Chí Linh", path=["Hải Dương", " ", "Chí Linh"])
    made = tile(site(about, conference(summoned=50), headcount(value=49)), AT, (1, 2))
    assert (made.state, made.present, made.why_unknown) == ("ready", 49, None)
    assert (made.name, made.path) == ("Thị xã Chí Linh", ("Hải Dương", "Chí Linh"))
    assert (made.summoned, made.rate, made.conference, made.trend) == (50, 0.98, "c-1", (1, 2))
    assert (made.power, made.is_rough, made.counted_at, made.last_heard) == ("on", False, AT, AT)


@pytest.mark.parametrize(
    ("messages", "later_s", "reason"),
    [
        ([status("lost", 1)], 0, "lost"),
        ([], 200, "silent"),
        ([headcount(value=None, state="unknown", reason="dark")], 0, "dark or covered"),
        ([power(at="2012-11-20T07:34:00.000Z")], 250, "stale, 4 min old"),
        ([("diemcau/v1/nam-sach/headcount", b"")], 0, "no number told yet"),
    ],
)
def test_what_cannot_be_believed_is_no_number_but_a_reason(messages: list[Any], later_s: int, reason: str) -> None:
    made = tile(site(headcount(value=77, summoned=80), *messages), AT + timedelta(seconds=later_s))
    assert (made.present, made.rate, made.is_rough) == (None, None, False)
    assert made.why_unknown is not None
    assert made.why_unknown[1] == reason
    assert made.why_unknown[0]


def test_a_number_that_may_be_off_says_why() -> None:
    made = tile(site(headcount(state="degraded", reason="settling")), AT)
    assert (made.present, made.is_rough) == (5, True)
    assert made.rough == ("đang ổn định, còn tìm thêm", "settling, still finding people")


def test_how_many_are_summoned_the_centre_knows_of_a_site_that_is_away_too() -> None:
    assert tile(site(conference(summoned=50), status("lost", 1)), AT).summoned == 50
    assert tile(site(headcount(summoned=40)), AT).summoned == 40
    assert tile(site(conference(summoned=0)), AT).rate is None
    more = tile(site(conference(summoned=4)), AT)
    assert (more.rate, more.state) == (1.25, "ready")


@pytest.mark.parametrize(
    ("starts", "ends", "is_on"),
    [
        ("05:00", "07:30", False),  # over; what is stored stays
        ("05:00", "07:31", True),
        ("08:30", "09:00", True),  # people come already
        ("08:31", "09:00", False),
    ],
)
def test_a_conference_counts_from_an_hour_before_until_its_end(starts: str, ends: str, is_on: bool) -> None:
    made = tile(site(conference(starts, ends, summoned=10)), AT)
    assert (made.summoned, made.rate, made.conference) == ((10, 0.5, "c-1") if is_on else (None, None, None))


@pytest.mark.parametrize(
    ("name", "path", "above"),
    [
        ("Xã Tân Hòa", ["Hải Dương", "TÂN HOÀ"], ("Hải Dương",)),
        ("Tân Hòa", ["Hải Dương", "Tân Hòa"], ("Hải Dương",)),
        ("Hội trường A", ["Hải Dương", "Tân Hòa"], ("Hải Dương", "Tân Hòa")),
        ("Tan", ["An"], ("An",)),
        ("Tân Hòa", [], ()),
    ],
)
def test_above_a_site_its_own_name_does_not_stand_again(name: str, path: list[str], above: tuple[str, ...]) -> None:
    made = tile(site(told("about", name=name, path=path)), AT)
    assert made.above == above
    assert cell(made, 1).html.count("Hòa") == name.count("Hòa") + " ".join(above).count("Hòa")


def test_whom_we_cannot_have_heard_is_unknown_and_nobody_telephones() -> None:
    """And what is too old is no number for that."""
    late = AT + timedelta(seconds=200)
    away, back = Hearing(is_connected=False, since=AT), Hearing(is_connected=True, since=late)
    stale = site(headcount(at="2012-11-20T07:31:40.000Z"), power(at="2012-11-20T07:33:20.000Z"))
    for view in (site(), stale):
        for hearing in (away, back):
            made = tile(view, late, (), None, deafness(hearing, late))
            assert (made.state, made.present, [each.key for each in made.issues]) == ("unknown", None, ["deaf"])
            assert made.why_unknown == made.issues[0].words
            assert "gọi điện" not in made.issues[0].advice[0].casefold()
    assert "no connection" in tile(site(), late, (), None, deafness(away, late)).issues[0].words[1]
    assert deafness(back, late + timedelta(seconds=90)) is None
    fresh, lost = (tile(each, AT, (), None, deafness(away, AT)) for each in (site(), site(status("lost", 1))))
    assert (fresh.state, fresh.present, lost.state) == ("ready", 5, "offline")


def test_one_that_was_never_heard_is_unknown_and_named_by_its_id() -> None:
    made = tile(SiteView("nam-sach"), AT)
    assert (made.state, made.name, made.power, made.last_heard) == ("unknown", "nam-sach", None, None)


def test_the_worst_comes_first_then_the_lowest_rate_then_the_name() -> None:
    def of(name: str, *messages: Any, acks: Any = None, state: str = "running") -> Tile:
        about = told("about", name=name)
        return tile(site(about, conference(summoned=10), *messages, status(state, 1)), AT, (), acks)

    missing = readiness(check("mic", "failed", reason="missing"))
    acks = {"check:mic:missing": Acknowledged("an", AT.timestamp())}
    orderly = [
        of("lost", state="lost"),
        of("fault", power(state="fault", reason="relay_failed")),
        of("low", missing, headcount(value=1)),
        of("Đà", missing, headcount(value=9)),
        of("Em", missing, headcount(value=9)),
        of("looked after", missing, headcount(value=0), acks=acks),
        of("unknown", readiness(check("mic", "unknown", reason="no_answer"))),
        of("ready", headcount(value=0)),
    ]
    assert [each.name for each in sorted(orderly, key=lambda each: each.order)] == [each.name for each in orderly]
    assert sortable("Đường Ứng") == "duong ung"


def test_of_whom_nobody_knows_how_many_came_comes_before_those_with_few() -> None:
    flapping = readiness(check("mic", "warning", reason="flapping"))
    dark = headcount(value=None, state="unknown", reason="dark")
    few, unseen = (tile(site(conference(summoned=10), flapping, each), AT) for each in (headcount(value=1), dark))
    assert few.state == unseen.state == "warning"
    assert unseen.order < few.order
    idle = tile(site(dark, flapping), AT)  # no conference: nobody is missed
    assert idle.order > few.order


def test_what_only_warns_and_is_not_required_is_told_and_makes_no_site_look_worse() -> None:
    made = tile(site(readiness(check("box.clock", "warning", required=False, reason="clock_unsynced"))), AT)
    assert (made.state, [each.key for each in made.issues]) == ("ready", ["check:box.clock:clock_unsynced"])
    broken = tile(site(readiness(check("box.disk", "failed", required=False, reason="read_only"))), AT)
    assert broken.state == "fault"


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "\u202eabc", "x" * 200, "\x1b[2J", "  "])
def test_whatever_a_site_calls_itself_can_be_printed(name: str) -> None:
    made = tile(site(told("about", name=name, path=[name] * 40)), AT)
    assert made.name.isprintable()
    assert 0 < len(made.name) <= 200
    assert len(made.path) <= 8


def test_a_heartbeat_alone_makes_no_other_tile() -> None:
    """Else each message would be drawn on every screen."""
    before = folded(status("running", 1), power(), headcount(), readiness())
    topic, document = headcount(at="2012-11-20T07:30:30.000Z")
    after, _ = take(before, topic, json.dumps(document).encode())
    first, second = (tile(_only(each), AT + timedelta(seconds=31)) for each in (before, after))
    assert first == second
    assert first.counted_at != second.counted_at


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:05Z", "9999-12-31T23:59:59.999Z"])
@pytest.mark.parametrize("state", ["running", "lost", "stopped"])
@pytest.mark.parametrize("clock", ["synced", "unsynced"])
def test_whatever_numbers_and_times_a_site_sends_its_tile_can_be_shown(at: str, state: str, clock: str) -> None:
    common: dict[str, Any] = {"at": at, "clock": clock}
    failed = {**check("x" * 80, "failed", reason="y" * 4000, advice="z" * 4000), "since": at}
    many = int("9" * 4000)
    config = {"id": "p", "revision": many, "digest": "d", "effective_digest": "e", "reason": "w" * 4000}
    sites = folded(
        (status(state, 1)[0], {**status(state, 1)[1], **common}),
        headcount(**common),
        power(state="fault", reason="v" * 4000, **common),
        told("readiness", ready=False, checks=[failed], **common),
        told("health", rows_lost=many, outbox_oldest_s=1e308, **common),
        told("config/reported", state="rejected", **config, **common),
        conference(),
    )
    made = tile(_only(sites), AT)
    for each in (made.counted_at, made.last_heard, *(issue.since for issue in made.issues)):
        assert each is None
    assert made.issues or clock == "unsynced"
    for issue in made.issues:
        assert len(issue.key) < 200
        assert all(len(words) < 600 for words in (*issue.words, *issue.advice))


def _only(sites: Sites) -> SiteView:
    return sites.by_id["nam-sach"]
