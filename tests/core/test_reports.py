"""agent/core/reports.py: what is said when, and exactly which fields."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.core import headcount, reports
from agent.core.button import Finger
from agent.core.commands import Publish
from agent.core.contract import Conference, FromSite
from agent.core.events import Recount
from agent.core.eye_watch import EyeWatch
from agent.core.headcount import Estimator, Sample
from agent.core.places import Places
from agent.core.power import Power
from agent.core.reports import Reports
from tests.core.rig import (
    BEGIN_S,
    SESSION,
    UTC_AT_BEGIN,
    as_json,
    face,
    frame,
    now_at,
    only,
    room_config,
    self_of,
    topics,
)

CONFIG = room_config()
SELF = self_of(CONFIG)
NOW = now_at(BEGIN_S)
COMMON = {"at": "2012-11-20T07:30:00.000Z", "session": SESSION, "clock": "synced"}
EYE = EyeWatch(detector="yunet_n", model_sha256="ab12")
COUNTING = Estimator(
    samples=tuple(Sample(BEGIN_S - 4 + 2 * i, seen, seen + 1) for i, seen in enumerate((7, 9, 8))),
    trouble=None,
    began_s=BEGIN_S - 1000,
)
EXCLUDED = (face(1500), face(1600))
CONFERENCE = Conference(id="c-1", starts_at=UTC_AT_BEGIN, ends_at=UTC_AT_BEGIN + timedelta(seconds=90), summoned=12)
HEARTBEAT_S = CONFIG.reporting.heartbeat_s


def document(payload: FromSite) -> dict[str, Any]:
    """As it goes over the wire."""
    return as_json(Publish("any", payload))


def counted(people: int, at_s: float) -> Estimator:
    """So many people were there all the time."""
    return Estimator(samples=(Sample(at_s, people, people),) * 3, trouble=None, began_s=at_s - 1000)


def live(people: int = 8, at_s: float = BEGIN_S, **changes: Any) -> dict[str, FromSite]:
    """Three topics of a site that counts so many people."""
    now = now_at(at_s)
    counting = counted(people, at_s)
    return {
        "status": reports.status(now, SELF, "running", 3),
        "headcount": reports.headcount_payload(now, SELF, counting, EYE, changes.get("conference")),
        "health": reports.health(now, SELF, {"cpu_share": changes.get("cpu_share", 0.1)}, Finger()),
    }


def said(people: int = 8) -> Reports:
    """The reports after these three topics were said at the beginning."""
    return reports.due(Reports(), live(people), BEGIN_S, SELF, all_again=False)[0]


def test_status_has_the_fields_of_the_contract() -> None:
    assert document(reports.status(NOW, SELF, "running", 7)) == {
        **COMMON,
        "state": "running",
        "connection": 7,
        "boot_id": "boot-1",
        "version": "0.1.0",
    }


def test_a_clock_that_nobody_set_is_told() -> None:
    assert document(reports.status(now_at(BEGIN_S, synced=False), SELF, "running", 7))["clock"] == "unsynced"


def test_about_names_the_room_and_the_network_and_has_null_for_what_is_not_known() -> None:
    config = room_config(site={"name": "Thị xã Chí Linh", "path": ["Hải Dương", "Chí Linh"]})
    said_about = document(reports.about(NOW, self_of(config, hardware="Raspberry Pi 4"), EYE))
    assert said_about == {
        **COMMON,
        "name": "Thị xã Chí Linh",
        "path": ["Hải Dương", "Chí Linh"],
        "timezone": "Asia/Ho_Chi_Minh",
        "hardware": "Raspberry Pi 4",
        "serial": None,
        "version": "0.1.0",
        "python": "3.11.2",
        "detector": "yunet_n",
        "model_sha256": "ab12",
    }


def test_a_room_without_a_name_is_called_by_its_id() -> None:
    assert document(reports.about(NOW, SELF, EYE))["name"] == "chi-linh"


@pytest.mark.parametrize(
    ("power", "fields"),
    [
        (Power(loads={"codec": "off"}), {"state": "off", "loads": {"codec": "off"}, "locked": False}),
        (
            Power("starting", True, {"codec": "on"}, 1, "settling", BEGIN_S, "button"),
            {"state": "starting", "loads": {"codec": "on"}, "locked": False, "by": "button", "step": "display"},
        ),
        (
            Power("fault", True, {"codec": "unknown"}, 0, by="restore", reason="stuck"),
            {
                "state": "fault",
                "loads": {"codec": "unknown"},
                "locked": False,
                "by": "restore",
                "step": "codec",
                "reason": "stuck",
            },
        ),
    ],
)
def test_power_has_step_and_reason_only_where_a_load_is_at_work_or_failed(power: Power, fields: dict[str, Any]) -> None:
    assert document(reports.power(NOW, SELF, power, locked=False)) == {**COMMON, **fields}


def test_a_headcount_that_is_known_has_all_its_numbers() -> None:
    assert document(reports.headcount_payload(NOW, SELF, COUNTING, EYE, None)) == {
        **COMMON,
        "value": 9,
        "state": "ok",
        "reason": None,
        "seen": 8,
        "min": 8,
        "max": 10,
        "samples": 3,
        "window_s": 20,
        "frame_age_s": 0.0,
        "interval_s": 2,
        "detector": "yunet_n",
    }


def test_a_headcount_that_is_not_known_is_null_with_a_reason_and_never_zero() -> None:
    found = document(reports.headcount_payload(NOW, SELF, headcount.fail(COUNTING, "missing"), EyeWatch(), None))
    assert found == {
        **COMMON,
        **dict.fromkeys(("value", "seen", "min", "max", "frame_age_s", "detector")),
        "state": "unknown",
        "reason": "missing",
        "samples": 0,
        "window_s": 20,
        "interval_s": 2,
    }


@pytest.mark.parametrize(
    ("summoned", "estimator", "fields"),
    [
        (12, COUNTING, {"conference": "c-1", "summoned": 12, "rate": 0.75}),
        (4, COUNTING, {"conference": "c-1", "summoned": 4, "rate": 2.25}),
        (12, headcount.fail(COUNTING, "dark"), {"conference": "c-1", "summoned": 12, "rate": None}),
        (0, COUNTING, {"conference": "c-1", "summoned": 0, "rate": None}),
        (None, COUNTING, {"conference": "c-1"}),
    ],
)
def test_summoned_and_rate_are_there_when_a_conference_says_how_many(
    summoned: int | None, estimator: Estimator, fields: dict[str, Any]
) -> None:
    conference = CONFERENCE.model_copy(update={"summoned": summoned})
    found = document(reports.headcount_payload(NOW, SELF, estimator, EYE, conference))
    assert {name: found[name] for name in ("conference", "summoned", "rate") if name in found} == fields


@pytest.mark.parametrize(
    ("later_s", "synced", "told"), [(89, True, True), (90, True, False), (7000, True, False), (7000, False, True)]
)
def test_a_conference_whose_end_has_passed_is_reckoned_with_no_longer_where_the_clock_can_be_believed(
    later_s: float, synced: bool, told: bool
) -> None:
    now = now_at(BEGIN_S + later_s, synced=synced)
    counting = counted(8, now.mono_s)
    found = document(reports.headcount_payload(now, SELF, counting, EYE, CONFERENCE))
    assert found["value"] == 8
    assert found.keys() & {"conference", "summoned", "rate"} == ({"conference", "summoned", "rate"} if told else set())


def test_faces_set_aside_and_the_config_revision_are_told_where_they_apply() -> None:
    found = reports.headcount_payload(
        NOW, replace(SELF, config_revision=9), replace(COUNTING, excluded=EXCLUDED), EYE, None
    )
    assert document(found)["set_aside"] == [{"reason": "excluded", "count": 2}]
    assert document(found)["config_revision"] == 9


def test_pictures_on_the_wall_are_named_before_the_faces_in_zones() -> None:
    estimator = replace(COUNTING, excluded=EXCLUDED, places=Places(portraits=frozenset({4})))
    found = document(reports.headcount_payload(NOW, SELF, estimator, EYE, None))
    assert found["set_aside"] == [{"reason": "portrait", "count": 1}, {"reason": "excluded", "count": 2}]


def test_the_age_of_the_newest_frame_is_told_also_when_it_is_too_old_to_count() -> None:
    late = document(reports.headcount_payload(now_at(BEGIN_S + 33.33), SELF, COUNTING, EYE, None))
    assert (late["value"], late["reason"], late["frame_age_s"]) == (None, "no_frames", 33.3)


def test_a_frame_from_a_moment_ahead_has_no_negative_age() -> None:
    assert document(reports.headcount_payload(now_at(BEGIN_S - 1), SELF, COUNTING, EYE, None))["frame_age_s"] == 0.0


def test_health_has_null_for_a_figure_that_is_not_known_and_no_key_for_one_that_does_not_apply() -> None:
    figures: dict[str, Any] = {"cpu_share": 0.5, "temperature_c": None}
    pressed = {"button_presses": 5, "ghost_presses": 2, "restarts": {"power": 3}}
    said = reports.health(NOW, SELF, figures, Finger(presses=5, ghosts=2), {"power": 3})
    assert document(said) == {**COMMON, **figures, **pressed}


# When


def test_at_first_everything_is_due() -> None:
    state, commands = reports.due(Reports(), live(), BEGIN_S, SELF, all_again=False)
    assert topics(commands) == ["status", "headcount", "health"]
    assert state.beat_s == BEGIN_S + HEARTBEAT_S


def test_what_did_not_change_is_not_said_before_the_heartbeat() -> None:
    later_s = BEGIN_S + HEARTBEAT_S - 0.1
    state, commands = reports.due(said(), live(at_s=later_s), later_s, SELF, all_again=False)
    assert commands == []
    assert state.beat_s == BEGIN_S + HEARTBEAT_S


def test_a_late_heartbeat_moves_the_next_one_and_is_not_made_up_for() -> None:
    later_s = BEGIN_S + 10 * HEARTBEAT_S + 7
    state, commands = reports.due(said(), live(at_s=later_s), later_s, SELF, all_again=False)
    assert topics(commands) == ["status", "headcount"], "and the figures of the box when they have been read"
    assert state.beat_s == later_s + HEARTBEAT_S


def test_figures_of_the_box_that_were_read_again_are_said_once_also_when_they_are_the_same() -> None:
    state = reports.said_nothing(said(), "health")
    state, commands = reports.due(state, live(), BEGIN_S + 1, SELF, all_again=False)
    assert topics(commands) == ["health"]
    assert "health" not in topics(reports.due(state, live(), BEGIN_S + 2, SELF, all_again=True)[1])


@pytest.mark.parametrize(
    ("now", "chosen"),
    [
        (live(people=9, at_s=BEGIN_S + 1), ["headcount"]),
        (live(conference=CONFERENCE, at_s=BEGIN_S + 1), ["headcount"]),
        (live(cpu_share=0.9, at_s=BEGIN_S + 1), []),
    ],
)
def test_a_change_is_said_at_once_but_figures_of_the_box_are_no_news(
    now: dict[str, FromSite], chosen: list[str]
) -> None:
    assert topics(reports.due(said(), now, BEGIN_S + 1, SELF, all_again=False)[1]) == chosen


def test_another_frame_with_the_same_count_is_no_news() -> None:
    calm = replace(COUNTING, samples=(*COUNTING.samples, Sample(BEGIN_S + 2, 8, 9)))
    first = {"headcount": reports.headcount_payload(NOW, SELF, COUNTING, EYE, None)}
    second = {"headcount": reports.headcount_payload(now_at(BEGIN_S + 2), SELF, calm, EYE, None)}
    assert first["headcount"].model_dump() != second["headcount"].model_dump()
    state, _ = reports.due(Reports(), {**first}, BEGIN_S, SELF, all_again=False)
    assert reports.due(state, {**second}, BEGIN_S + 2, SELF, all_again=False)[1] == []


def test_a_change_back_is_a_change() -> None:
    state, _ = reports.due(said(8), live(9), BEGIN_S + 1, SELF, all_again=False)
    assert topics(reports.due(state, live(8), BEGIN_S + 2, SELF, all_again=False)[1]) == ["headcount"]


@pytest.mark.parametrize(("heartbeat_s", "expiry_s"), [(30, 90), (10, 30), (1, 3), (2.5, 8)])
def test_live_values_expire_after_three_missed_heartbeats_but_who_one_is_stays(
    heartbeat_s: float, expiry_s: int
) -> None:
    self_ = self_of(room_config(reporting={"heartbeat_s": heartbeat_s}))
    payloads = {**live(), "about": reports.about(NOW, self_, EYE)}
    _, commands = reports.due(Reports(), payloads, BEGIN_S, self_, all_again=True)
    expiries = {each.topic: each.expiry_s for each in only(Publish, commands)}
    assert expiries == {"status": None, "about": None, "headcount": expiry_s, "health": expiry_s}
    assert all(each.retain for each in only(Publish, commands))


def test_all_again_says_everything_but_old_figures_and_leaves_the_heartbeat_where_it_was() -> None:
    state, commands = reports.due(said(), live(), BEGIN_S + 1, SELF, all_again=True)
    assert topics(commands) == ["status", "headcount"]
    assert state.beat_s == BEGIN_S + HEARTBEAT_S


@pytest.mark.parametrize(("interval_s", "stale_s"), [(0.2, 4.8), (1, 4.8), (2, 4.8), (60, 144)])
def test_a_count_is_stale_after_two_missed_frames_and_more_and_within_five_seconds_where_that_may_be(
    interval_s: float, stale_s: float
) -> None:
    found_s = reports.stale_after_s(room_config(headcount={"interval_s": interval_s, "window_s": 600}))
    assert found_s == pytest.approx(stale_s)


@pytest.mark.parametrize(
    ("detect_s", "cpu_share", "stale_s"),
    [(0.02, 0.5, 4.8), (1.0, 0.5, 4.8), (1.5, 0.5, 7.2), (3.0, 0.5, 14.4), (3.0, 1.0, 7.2), (3.0, 4.0, 4.8)],
)
def test_a_box_slower_than_its_interval_is_given_as_many_of_its_own(
    detect_s: float, cpu_share: float, stale_s: float
) -> None:
    config = room_config(headcount={"interval_s": 2, "cpu_share": cpu_share})
    assert reports.stale_after_s(config, detect_s) == pytest.approx(stale_s)


def test_a_humans_number_and_the_record_ride_along_and_are_news() -> None:
    counted = (Recount("c-1", UTC_AT_BEGIN, "an", 10, 8, "ok", 8, 8),)
    said_before = reports.headcount_payload(NOW, SELF, COUNTING, EYE, None)
    said_now = reports.headcount_payload(NOW, SELF, COUNTING, EYE, None, counted)
    assert {"human", "record"}.isdisjoint(document(said_before))
    assert document(said_now)["human"] == {"people": 10, "at": "2012-11-20T07:30:00.000Z", "by": "an", "value": 8}
    assert document(said_now)["record"] == {"recounts": 1, "mean_error": 0.2, "worst_error": 0.2}
    before, _ = reports.due(Reports(beat_s=BEGIN_S + 9), {"headcount": said_before}, BEGIN_S, SELF, all_again=False)
    assert topics(reports.due(before, {"headcount": said_now}, BEGIN_S, SELF, all_again=False)[1]) == ["headcount"]


# The eye at work


def at_work(**facts: Any) -> EyeWatch:
    """An eye whose last frame says how it works."""
    said = {"cpu_share": 0.31, "interval_s": 8.0, "work_width": 1440, "work_height": 810, "tiles": 4, **facts}
    return replace(EYE, running=True, last=frame(BEGIN_S, 0, **said))


def test_a_headcount_says_how_the_eye_really_works() -> None:
    found = document(reports.headcount_payload(NOW, SELF, COUNTING, at_work(), None))
    assert found["interval_s"] == 8.0
    assert found["cpu_share"] == 0.31
    assert found["work"] == {"width": 1440, "height": 810, "tiles": 4}


@pytest.mark.parametrize("eye", [EYE, replace(at_work(), running=False)])
def test_an_eye_that_is_not_at_work_says_nothing_about_it(eye: EyeWatch) -> None:
    found = document(reports.headcount_payload(NOW, SELF, COUNTING, eye, None))
    assert found["interval_s"] == 2
    assert not {"cpu_share", "work"} & set(found)


def test_a_film_of_boxes_has_no_working_size() -> None:
    eye = at_work(work_width=None, work_height=None, tiles=None)
    found = document(reports.headcount_payload(NOW, SELF, COUNTING, eye, None))
    assert found["cpu_share"] == 0.31
    assert "work" not in found


def test_how_the_eye_works_is_no_reason_to_say_something() -> None:
    before = {"headcount": reports.headcount_payload(NOW, SELF, COUNTING, at_work(), None)}
    after = {"headcount": reports.headcount_payload(NOW, SELF, COUNTING, at_work(cpu_share=0.4, tiles=9), None)}
    state, _ = reports.due(Reports(beat_s=BEGIN_S + 30), before, BEGIN_S, SELF, all_again=True)
    assert reports.due(state, after, BEGIN_S + 1, SELF, all_again=False)[1] == []


def test_a_box_that_looks_every_ten_seconds_has_a_count_in_between() -> None:
    assert reports.stale_after_s(room_config(), 0.5, interval_s=10.0) == 24
    later = now_at(NOW.mono_s + 24)
    assert document(reports.headcount_payload(later, SELF, COUNTING, at_work(interval_s=10.0), None))["value"] == 9
    assert document(reports.headcount_payload(later, SELF, COUNTING, EYE, None))["reason"] == "no_frames"
