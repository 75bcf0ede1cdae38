"""agent/console/board/conferences.py: the pages, and what sites are told from them, through a real broker."""

import asyncio
import re
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from starlette.testclient import TestClient

from agent.adapters.mosquitto import ANYBODY, Mosquitto
from agent.console import conference_plan as plans
from agent.console.board.conference_live import Followed
from agent.console.board.feed import Feed
from agent.console.board.gathered import of_id
from agent.console.board.live import Live
from agent.console.board.roll_calls import RollCalls
from agent.console.conference_push import ConferenceDesk
from agent.console.recorder_conferences import ConferenceLog, summons_in
from agent.console.report.attendance import attendance
from agent.console.report.reading import Reading
from agent.console.sites import SiteView
from agent.console.store import Store
from agent.core.contract import Conference, encode
from agent.core.identity import broker_at
from tests.conftest import wait_for
from tests.console.board.page_bed import client, database, served
from tests.console.board.stand_in import StandIn, tile
from tests.console.test_store import window

NOW = datetime.now().astimezone().replace(microsecond=0)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test may begin half an hour after it was collected."""
    monkeypatch.setattr(sys.modules[__name__], "NOW", datetime.now().astimezone().replace(microsecond=0))


NASTY = '<b>Họp</b> "&\u202e'


def conference(id_: str = "giao-ban", **changes: Any) -> Conference:
    facts = {"id": id_, "title": "Giao ban", "starts_at": NOW - timedelta(hours=1), "ends_at": NOW + timedelta(hours=1)}
    return Conference(**{**facts, **changes})


def live_of(**held: Conference) -> StandIn:
    sites = {site.replace("_", "-"): told for site, told in held.items()}
    views = {site: SiteView(site, conference=told) for site, told in sites.items()}
    return StandIn([tile(site) for site in sites], views)


def remembered(engine: Engine, told: Conference, site: str = "chi-linh", received_s: float = 1.0) -> None:
    summons = summons_in(site, encode(told), received_s)
    assert summons is not None
    ConferenceLog(engine).keep_summons([summons])


def csrf(page: str) -> str:
    return re.findall(r'name="csrf" value="([^"]+)"', page)[0]


def post(pages: TestClient, path: str, **fields: str) -> Any:
    token = csrf(pages.get("/conference/new").text)
    return pages.post(path, data={"csrf": token, **fields}, follow_redirects=False)


def test_the_list_has_what_sites_hold_and_what_the_database_remembers() -> None:
    engine = database()
    remembered(
        engine, conference("cu", title=NASTY, starts_at=NOW - timedelta(days=2), ends_at=NOW - timedelta(days=1))
    )
    later = conference("sau", starts_at=NOW + timedelta(days=1), ends_at=NOW + timedelta(days=2))
    with client(live_of(chi_linh=conference(), nam_sach=later), engine) as pages:
        text = pages.get("/conference").text
    assert re.findall(r'href="/conference/([a-z-]+)"><bdi>', text) == ["giao-ban", "sau", "cu"]
    assert "&lt;b&gt;Họp" in text
    assert "\u202e" not in text


def test_the_ranking_is_by_rate_and_what_is_not_known_is_last_with_its_reason() -> None:
    held = {"a": 40, "b": 50, "c": None, "d": 10}
    views = {site: SiteView(site, conference=conference(summoned=50)) for site in held}
    live = StandIn([tile(site, present=people) for site, people in held.items()], views)
    with client(live) as pages:
        text = pages.get("/conference/giao-ban").text.partition('id="ranking"')[2]
        assert pages.get("/conference/nobody").status_code == 404
    assert re.findall(r'href="/site/(.)"', text) == ["b", "a", "d", "c"]
    assert "dark or covered" in text
    assert "100,0 %" in text


def test_roll_calls_are_from_the_rows_and_are_not_yet_there_before_they_come(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/centre.db")
    store.start()
    old, new = NOW - timedelta(minutes=30), NOW - timedelta(seconds=5)
    told = conference(summoned=50, roll_calls=(old, new, NOW + timedelta(minutes=30)))
    store.write([window(1, 45, "chi-linh", at=old + timedelta(seconds=30))])
    with client(live_of(chi_linh=told, nam_sach=told), store._engine) as pages:
        text = pages.get("/conference/giao-ban").text.partition('id="calls"')[2].partition('id="ranking"')[0]
    store.close()
    assert "<b>45</b> / 50 = <b>90,0 %</b>" in text
    assert text.count("not yet") == 3
    assert text.count("unknown") == 2
    assert f"{(NOW + timedelta(minutes=30)).astimezone():%H:%M}" in text


@pytest.fixture
def there(broker: Mosquitto) -> Iterator[Live]:
    """The live side at a broker where two sites hold a conference."""
    desk = ConferenceDesk(broker_at(broker.url))
    desk.start()
    desk.tell({"chi-linh": conference(summoned=62), "nam-sach": conference(summoned=48)})
    desk.close()
    live = Live(broker_at(broker.url))
    live.start()
    wait_for(lambda: {"chi-linh", "nam-sach"} <= set(live.picture.tiles), "both sites")
    yield live
    live.close()


def held(live: Live, site: str) -> Conference | None:
    view = live.view(site)
    return None if view is None else view.conference


def test_from_the_form_by_the_preview_to_the_sites(there: Live) -> None:
    day = NOW + timedelta(days=1)
    fields = {"title": NASTY.replace("\u202e", ""), "starts": f"{day:%Y-%m-%d}T08:00", "ends": f"{day:%Y-%m-%d}T11:30",
              "calls": "08:15, 10:00", "lock": "1", "minutes": "30", "id": "",
              "p.chi-linh": "60", "p.nam-sach": ""}  # fmt: skip
    with client(there) as pages:
        assert 'name="p.chi-linh" type="number" min="0" max="100000" value="62"' in pages.get("/conference/new").text
        preview = post(pages, "/conference/new", **fields)
        assert preview.status_code == 200
        assert "A site holds one conference" in preview.text
        again = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', preview.text))
        again |= {"title": fields["title"]}
        sent = post(pages, "/conference/new", **{name: value for name, value in again.items() if name != "csrf"})
    assert (sent.status_code, sent.headers["location"]) == (303, f"/conference/{day:%Y-%m-%d}-b-hop-b")
    wait_for(lambda: (told := held(there, "chi-linh")) is not None and told.summoned == 60, "the new one")
    told = held(there, "chi-linh")
    assert told is not None
    assert (len(told.roll_calls), told.power_on_minutes, told.lock) == (2, 30, True)
    kept = held(there, "nam-sach")
    assert kept is not None
    assert kept.id == "giao-ban"


def test_a_table_may_be_a_file_and_mistakes_are_all_named(there: Live) -> None:
    fields = {"title": "", "starts": "soon", "ends": "", "minutes": "-1", "calls": "", "id": "", "lock": ""}
    with client(there) as pages:
        token = csrf(pages.get("/conference/new").text)
        wrong = pages.post(
            "/conference/new", data={"csrf": token, **fields}, files={"file": ("a.csv", b"site;summoned\nA B;1\n")}
        )
    assert wrong.status_code == 400
    for words in ("needs a title", "a time is like", "line 2"):
        assert words in wrong.text


def test_roll_call_now_end_now_and_call_off(there: Live) -> None:
    with client(there) as pages:
        assert post(pages, "/conference/giao-ban/roll-call").status_code == 303
        wait_for(lambda: (told := held(there, "nam-sach")) is not None and len(told.roll_calls) == 1, "the moment")
        assert "End the conference now?" in post(pages, "/conference/giao-ban/end").text
        assert post(pages, "/conference/giao-ban/end", sure="1").status_code == 303
        wait_for(
            lambda: (told := held(there, "chi-linh")) is not None and told.ends_at < NOW + timedelta(hours=1), "end"
        )
        ended = held(there, "chi-linh")
        assert ended is not None
        assert (ended.summoned, len(ended.roll_calls)) == (62, 1)
        assert "Call it off" in post(pages, "/conference/giao-ban/clear").text
        assert post(pages, "/conference/giao-ban/clear", sure="1").status_code == 303
        wait_for(lambda: held(there, "chi-linh") is None and held(there, "nam-sach") is None, "nothing held")


def test_what_the_broker_does_not_permit_is_named(tmp_path: Path, mosquitto_program: str) -> None:
    (tmp_path / "acl").write_text("topic read #\ntopic write diemcau/v1/+/about\n")
    (tmp_path / "acl").chmod(0o600)
    broker = Mosquitto(tmp_path, extra=f"{ANYBODY}\nacl_file {tmp_path}/acl")
    broker.start()
    live = Live(broker_at(broker.url))
    live.start()
    day = NOW + timedelta(days=1)
    with client(live) as pages:
        told = post(pages, "/conference/new", title="Họp", starts=f"{day:%Y-%m-%d}T08:00", ends=f"{day:%Y-%m-%d}T09:00",
                    sheet="site,summoned\nchi-linh,5", sure="1")  # fmt: skip
    live.close()
    broker.close()
    assert told.status_code == 502
    assert "chi-linh" in told.text
    assert "not permitted" in told.text


def test_the_ranking_follows_by_itself() -> None:
    live = live_of(chi_linh=conference(summoned=50), nam_sach=conference(summoned=50))
    with served(live) as board:
        at = board.at("/conference/giao-ban")
        with board.stream("/live/conference/giao-ban", at) as stream:
            live.show(tile("nam-sach", present=49))
            panels = stream.news()["panels"]
    assert re.findall(r'href="/site/([a-z-]+)"', panels["ranking"]) == ["nam-sach", "chi-linh"]
    assert "98,0 %" in panels["ranking"]
    assert "No roll-call yet" in panels["calls"]


def test_what_the_sites_hold_counts_and_after_that_what_the_database_remembers() -> None:
    engine, told = database(), conference(summoned=5)
    starts_s, log = told.starts_at.timestamp(), ConferenceLog(engine)
    remembered(engine, told)
    remembered(engine, told, "nam-sach")
    known = log.summons("giao-ban")
    now = of_id({"chi-linh": told.model_copy(update={"summoned": 9})}, "giao-ban", known)
    assert now is not None
    assert (now.summoned, set(now.held), now.state(NOW)) == ({"nam-sach": 5, "chi-linh": 9}, {"chi-linh"}, "live")
    log.cleared("chi-linh", starts_s - 60)
    log.cleared("nam-sach", starts_s + 60)
    after = of_id({}, "giao-ban", log.summons("giao-ban"))
    assert after is not None
    assert (after.summoned, after.state(NOW), after.ends_at.timestamp()) == ({"nam-sach": 5}, "over", starts_s + 60)
    called_off = of_id({}, "giao-ban", log.summons("giao-ban")[:1])
    assert called_off is not None
    assert called_off.state(NOW) == "off"


def calls(text: str) -> str:
    return text.partition('id="calls"')[2].partition('id="ranking"')[0]


def test_who_was_not_asked_for_a_number_is_in_no_rate_but_in_the_total(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/centre.db")
    store.start()
    call = NOW - timedelta(minutes=30)
    views = {"chi-linh": conference(summoned=50, roll_calls=(call,)), "nam-sach": conference(roll_calls=(call,))}
    rows = [
        window(1, 45, "chi-linh", at=call + timedelta(seconds=30)),
        window(1, 30, "nam-sach", at=call + timedelta(seconds=30)),
    ]
    store.write(rows)
    with client(
        StandIn(
            [tile(site) for site in views], {site: SiteView(site, conference=told) for site, told in views.items()}
        ),
        store.engine,
    ) as pages:
        text = calls(pages.get("/conference/giao-ban").text)
    store.close()
    assert "<b>45</b> / 50 = <b>90,0 %</b>" in text
    assert re.search("present</span> 75</small>", text)


def test_what_was_counted_after_the_end_is_in_no_roll_call_as_in_the_report(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/centre.db")
    store.start()
    ends = NOW - timedelta(minutes=10)
    call = ends - timedelta(seconds=60)
    told = conference(summoned=50, ends_at=ends, roll_calls=(call,))
    remembered(store.engine, told)
    store.write([window(1, 45, "chi-linh", at=ends + timedelta(seconds=90))])
    for ends_s, wanted in ((ends.timestamp(), {}), (ends.timestamp() + 600, {"chi-linh": 45})):
        (found,) = RollCalls(store.engine).of(
            "x", [call.timestamp()], {"chi-linh": 50}, {"chi-linh": ends_s}, NOW.timestamp()
        )
        assert found.present == wanted
    (summons,) = ConferenceLog(store.engine).summons("giao-ban")
    ((_, facts),) = Reading(store.engine).facts([summons])
    assert attendance(summons, facts, NOW.timestamp()).roll_calls == ((call.timestamp(), None),)
    with client(StandIn([]), store.engine) as pages:
        assert "unknown" in calls(pages.get("/conference/giao-ban").text)
    store.close()


def test_roll_calls_that_are_closed_are_not_asked_for_again_at_once(tmp_path: Path) -> None:
    store, asked = Store(f"sqlite:///{tmp_path}/centre.db"), list[str]()
    store.start()
    event.listen(store.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    book, now_s = RollCalls(store.engine), NOW.timestamp()
    for summoned in ({"a": 1}, {"a": 1}, {"a": 2}):
        book.of("x", [now_s - 3600, now_s - 7200], summoned, {}, now_s)
    store.close()
    assert len(asked) == 4


def test_a_broker_that_lost_what_it_had_is_told_again_from_the_database(broker: Mosquitto) -> None:
    live = Live(broker_at(broker.url))
    live.start()
    wait_for(lambda: live.picture.is_connected, "the broker")
    engine = database()
    ahead = {"starts_at": NOW + timedelta(hours=1), "ends_at": NOW + timedelta(hours=2)}
    remembered(
        engine,
        conference(summoned=62, lock=True, power_on_minutes=15, roll_calls=(NOW + timedelta(minutes=70),), **ahead),
    )
    remembered(engine, conference("over", ends_at=NOW - timedelta(minutes=1)), "nam-sach")
    with client(live, engine) as pages:
        assert 'form="do-again"' in pages.get("/conference/giao-ban").text
        assert 'button form="do-again"' not in pages.get("/conference/over").text
        assert post(pages, "/conference/over/again").status_code == 400
        assert post(pages, "/conference/giao-ban/again").status_code == 303
        told = wait_for(lambda: held(live, "chi-linh"), "the summons")
        assert told == conference(
            summoned=62, lock=True, power_on_minutes=15, roll_calls=(NOW + timedelta(minutes=70),), **ahead
        )
        wait_for(lambda: 'button form="do-again"' not in pages.get("/conference/giao-ban").text, "nothing lacks")
        assert post(pages, "/conference/giao-ban/clear", sure="1").status_code == 303
        wait_for(lambda: held(live, "chi-linh") is None, "nothing held")
        assert 'button form="do-again"' not in pages.get("/conference/giao-ban").text
        text = pages.get("/conference/giao-ban").text
    live.close()
    assert "gửi lại thông báo" in text
    assert "called the conference off" in text


def test_the_head_follows_and_what_does_not_change_is_not_sent_again() -> None:
    soon = conference(summoned=50, starts_at=NOW + timedelta(days=1), ends_at=NOW + timedelta(days=2))
    live = live_of(chi_linh=soon)
    with served(live) as board:
        at = board.at("/conference/giao-ban")
        with board.stream("/live/conference/giao-ban", at) as stream:
            live.show(tile("chi-linh"))
            stream.news()
            live.show(tile("chi-linh"))
            assert stream.news()["panels"] == {}
            live.views["chi-linh"] = SiteView("chi-linh", conference=conference(summoned=50))
            live.show(tile("chi-linh"))
            panels = stream.news()["panels"]
    assert set(panels) == {"head"}
    assert "đang họp" in panels["head"]
    assert 'form="do-roll-call"' in panels["head"]
    assert "csrf" not in panels["head"]


def test_all_who_look_at_a_conference_are_followed_as_one() -> None:
    made = list[int]()

    async def make(shown: Any) -> dict[str, str]:
        made.append(1)
        return {"a": "x"}

    async def looked(feed: Feed) -> None:
        followed = Followed(feed, make)
        for news in await asyncio.gather(*(followed(feed.shown, 0) for _ in range(20))):
            assert news == {"panels": {"a": "x"}}

    asyncio.run(looked(Feed(live_of())))
    assert len(made) == 1


def test_an_id_from_elsewhere_may_have_a_slash_in_it() -> None:
    with client(live_of(chi_linh=conference("a/b c"))) as pages:
        (href,) = re.findall(r'href="(/conference/a[^"]+)"', pages.get("/conference").text)
        assert 'form="do-end"' in pages.get(href).text
        assert "End the conference now?" in post(pages, f"{href}/end").text


def test_a_form_keeps_seconds_and_the_file_and_says_by_which_clock() -> None:
    starts = datetime.now().astimezone().replace(hour=8, minute=0, second=30, microsecond=0) + timedelta(days=1)
    told = conference(
        starts_at=starts, ends_at=starts + timedelta(hours=20), roll_calls=(starts, starts + timedelta(hours=19))
    )
    with client(live_of(chi_linh=told)) as pages:
        text = pages.get("/conference/new?from=giao-ban").text
        token = csrf(text)
        fields = dict(re.findall(r'name="(starts|ends|calls)"[^>]*value="([^"]*)"', text))
        wrong = pages.post(
            "/conference/new",
            data={"csrf": token, "title": "", **fields},
            files={"file": ("a.csv", "site;summoned\nnam-sach;7\n".encode("utf-8-sig"))},
        )
    form = plans.Form("x", fields["starts"], fields["ends"], roll_calls=tuple(fields["calls"].split()))
    made = plans.conference_of(form, datetime.now().astimezone())
    assert (made.starts_at, made.ends_at, made.roll_calls) == (told.starts_at, told.ends_at, told.roll_calls)
    assert f"UTC{datetime.now().astimezone().isoformat()[-6:]}" in text
    assert wrong.status_code == 400
    assert "site;summoned\nnam-sach;7\n</textarea>" in wrong.text
