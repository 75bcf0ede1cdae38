"""The whole report of a small conference, and of conferences of which there is not much to say."""

from typing import Any

import pytest

from agent.console.recorder_conferences import SiteName
from agent.console.report.document import Document, report
from agent.console.report.reading import Reading
from agent.console.report.summary import percent
from agent.console.store import Store
from tests.console.report import bed
from tests.console.report.bed import HOUR, ID, MINUTE, STARTS_S


def test_all_of_it_fits_together(document: Document) -> None:
    assert document["conference"] == {
        "id": ID,
        "title": "Hội nghị tháng 11",
        "starts_at": "2026-11-20T01:00:00Z",
        "ends_at": "2026-11-20T02:00:00Z",
        "planned_ends_at": "2026-11-20T02:00:00Z",
        "ended_early": False,
        "state": "over",
        "until": "2026-11-20T02:00:00Z",
        "timezone": "Asia/Ho_Chi_Minh",
        "sites": 6,
        "called_off": 1,
    }
    rates = {each["site"]: each["rate"] for each in document["sites"]}
    assert rates == {
        "binh-giang": 1.2, "cam-giang": None, "chi-linh": 1.0, "gia-loc": None, "kim-thanh": None, "kinh-mon": 0.95,
        "nam-sach": 0.9,
    }  # fmt: skip
    averages = document["averages"]
    assert averages["mean_of_rates"] == {
        "value": pytest.approx(4.05 / 4), "low": pytest.approx(4.05 / 5), "high": pytest.approx(5.05 / 5),
        "capped": pytest.approx(3.85 / 4),
    }  # fmt: skip
    assert (averages["present"], averages["summoned_known"], averages["summoned"]) == (69, 70, 100)
    assert averages["weighted"]["value"] == pytest.approx(69 / 70)
    assert document["machine"] == {"recounts": 1, "compared": 1, "mean_error": 0.1, "worst_error": 0.1}
    assert document["untroubled"] == 4
    troubles = {each["site"]: each["trouble"] for each in document["sites"] if each["trouble"]}
    assert troubles == {"gia-loc": "fault", "kim-thanh": "not_held", "nam-sach": "fault"}
    assert document["summary"]["vi"].startswith("4/6 điểm cầu hoạt động không có sự cố. Tỷ lệ tham dự trung bình 101,")
    assert "96,3\u00a0%" in document["summary"]["vi"]


def test_the_curve_over_all_sites_is_the_sum_of_theirs(document: Document) -> None:
    total = document["total"]
    assert total["present"][0] == 12 + 7 + 20 + 10  # kinh-mon begins later, nothing is known of gia-loc
    assert total["present"][10] == 12 + 7 + 20 + 19
    assert (total["sites_unknown"][0], total["summoned_unknown"][0]) == (1, 30)
    assert (total["sites_unknown"][15], total["summoned_unknown"][15]) == (2, 50)
    assert total["peak"] == {"people": 76, "at": "2026-11-20T01:20:00Z"}
    assert len(total["present"]) == 60


def test_incidents_are_by_time_and_say_what_they_are(document: Document) -> None:
    told = [(each["site"], each["kind"], each["severity"]) for each in document["incidents"]]
    assert told == [
        ("gia-loc", "site.lost", "fault"), ("gia-loc", "site.no_data", "fault"),
        ("nam-sach", "count.unknown", "warning"), ("nam-sach", "device.away", "fault"),
    ]  # fmt: skip
    assert document["incidents"][1]["why"] == {
        "vi": "mất kết nối, chưa có số liệu",
        "en": "site lost, no rows have come",
    }
    assert document["incidents"][3]["to"] is None


def test_a_report_of_what_is_over_is_the_same_at_every_run(centre: Store) -> None:
    assert bed.made(centre, STARTS_S + 2 * HOUR) == bed.made(centre, STARTS_S + 999 * HOUR)


def test_one_that_is_on_is_up_to_now(centre: Store) -> None:
    found = bed.made(centre, STARTS_S + 30 * MINUTE)
    assert (found["conference"]["state"], found["conference"]["until"]) == ("running", "2026-11-20T01:30:00Z")
    assert "đang diễn ra" in found["summary"]["vi"]
    assert bed.site_of(found, "chi-linh")["end"] is None
    assert bed.site_of(found, "kinh-mon")["lasts_s"] == 20 * MINUTE


def test_one_that_has_not_begun_says_so(centre: Store) -> None:
    found = bed.made(centre, STARTS_S - HOUR)
    assert (found["conference"]["state"], found["summary"]["en"]) == ("not_begun", "The conference has not begun.")
    assert found["untroubled"] == 0


def test_one_without_any_data_is_a_proper_report(store: Store) -> None:
    store.conferences.keep_summons([bed.summons("chi-linh", 20), bed.summons("nam-sach", 30)])
    found = bed.made(store)
    assert found["averages"]["mean_of_rates"] == {"value": None, "low": 0.0, "high": 1.0, "capped": None}
    assert found["total"]["peak"] is None
    assert found["summary"]["vi"] == (
        "0/2 điểm cầu hoạt động không có sự cố. "
        "Không có số liệu về người tham dự (2 điểm cầu, triệu tập 50 người)."
    )  # fmt: skip
    assert [each["kind"] for each in found["incidents"]] == ["site.no_data"] * 2
    assert bed.site_of(found, "chi-linh")["name"] == "chi-linh"


def test_one_that_was_called_off_everywhere_says_so(store: Store) -> None:
    store.conferences.keep_summons([bed.summons("chi-linh")])
    store.conferences.cleared("chi-linh", STARTS_S - 1)
    found = bed.made(store)
    assert (found["conference"]["state"], found["conference"]["called_off"]) == ("called_off", 1)


def test_one_that_was_taken_back_while_it_was_on_ended_early(store: Store) -> None:
    store.conferences.keep_summons([bed.summons("chi-linh"), bed.summons("nam-sach")])
    store.conferences.cleared("chi-linh", STARTS_S + 23 * MINUTE)
    assert bed.made(store)["conference"]["ended_early"] is False  # the other one goes on
    assert bed.site_of(bed.made(store), "chi-linh")["ended_early"] is True
    store.conferences.cleared("nam-sach", STARTS_S + 23 * MINUTE + 0.7)
    found = bed.made(store)
    assert (found["conference"]["ends_at"], found["conference"]["planned_ends_at"]) == (
        "2026-11-20T01:23:01Z",
        "2026-11-20T02:00:00Z",
    )
    assert found["notes"] == [
        {"vi": "Kết thúc sớm lúc 08:23 (theo kế hoạch 09:00)", "en": "Ended early at 08:23, planned 09:00"}
    ]


@pytest.mark.parametrize(
    ("state", "last", "missing"), [("lost", 40, 1), ("running", 40, 1), ("stopped", 40, 0), ("running", 60, 0)]
)
def test_rows_of_the_end_that_may_come_yet_are_said(store: Store, state: str, last: int, missing: int) -> None:
    store.conferences.keep_summons([bed.summons("chi-linh")])
    store.conferences.keep_presence(
        [bed.presence("chi-linh", STARTS_S - HOUR, "running"), bed.presence("chi-linh", STARTS_S + 30 * MINUTE, state)]
    )
    store.write(bed.minutes("chi-linh", 0, last, 9))
    found = bed.made(store)
    assert (found["rows_missing"], len(found["notes"])) == (missing, missing)
    assert bed.made(store, STARTS_S + 50 * MINUTE)["rows_missing"] == 0  # it is on


def test_who_was_there_before_it_began_came_then(store: Store) -> None:
    store.conferences.keep_summons([bed.summons("chi-linh")])
    store.write([*bed.minutes("chi-linh", -10, -5, 9), *bed.minutes("chi-linh", -5, 60, 20)])
    found = bed.made(store)
    assert found["total"]["arrivals"] == bed.site_of(found, "chi-linh")["arrivals"]
    assert found["total"]["arrivals"]["90%"] == "2026-11-20T00:55:00Z"


def test_there_is_none_of_an_unknown_id(store: Store) -> None:
    assert report(Reading(store._engine), "hn-12", STARTS_S) is None


def test_rows_of_other_times_and_sites_are_none_of_ours(store: Store) -> None:
    store.conferences.keep_summons([bed.summons("chi-linh")])
    store.write(
        [
            *bed.minutes("chi-linh", -500, -400, 99),
            *bed.minutes("chi-linh", 0, 60, 5, conference=None),  # it need not know that it is at a conference
            *bed.minutes("chi-linh", 60, 90, 99),
            *bed.minutes("kim-thanh", 0, 60, 99),
        ]
    )
    found = bed.made(store)
    assert [(each["site"], each["present"], each["peak"]["people"]) for each in found["sites"]] == [("chi-linh", 5, 5)]


def test_a_room_that_has_been_off_for_days_is_known_to_be_off(store: Store) -> None:
    store.conferences.keep_summons([bed.summons("chi-linh")])
    days = 24 * 60
    store.write(
        [
            bed.event("chi-linh", -9 * days, "power.changed", state="on"),
            *bed.minutes("chi-linh", -9 * days, -9 * days + 30, 99),
            bed.event("chi-linh", -9 * days + 30, "power.changed", state="off"),
        ]
    )
    assert bed.site_of(bed.made(store), "chi-linh")["unknown"] == {"room_off": HOUR}


def test_times_and_zones_are_those_of_most_sites(store: Store) -> None:
    zones = {"a": "Asia/Bangkok", "b": "Asia/Bangkok", "c": "../../etc/passwd", "d": "no/where"}
    sites: list[Any] = [bed.summons(site, starts_at_s=STARTS_S - (site == "a") * HOUR) for site in zones]
    store.conferences.keep_summons(sites)
    for site, zone in zones.items():
        store.conferences.keep_names([SiteName(site, site.upper(), (), zone)])
    conference = bed.made(store)["conference"]
    assert (conference["starts_at"], conference["timezone"]) == ("2026-11-20T01:00:00Z", "Asia/Bangkok")


@pytest.mark.parametrize(
    ("share", "shown"),
    [(None, "—"), (0.984, "98,4\u00a0%"), (0.9996, "99,9\u00a0%"), (1.0, "100,0\u00a0%"), (1.2, "120,0\u00a0%")],
)
def test_a_share_is_never_rounded_up_to_all(share: float | None, shown: str) -> None:
    assert percent(share) == shown


def test_a_short_one_has_a_finer_curve(store: Store) -> None:
    store.conferences.keep_summons([bed.summons("chi-linh", lasts_s=180)])
    store.write([*bed.minutes("chi-linh", 0, 1, 5), *bed.minutes("chi-linh", 1, 3, 9)])
    total = bed.made(store)["total"]
    assert (total["every_s"], total["present"]) == (5.0, [5] * 12 + [9] * 24)
    assert total["peak"] == {"people": 9, "at": "2026-11-20T01:01:00Z"}
