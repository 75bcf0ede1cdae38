"""``diemcau drill``: whom it asks and when, what people and programs get, and the exit code."""

import io
import json
import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.adapters.mosquitto import Mosquitto, free_port
from agent.console import drill, roll_call
from agent.console.listener import Listener
from agent.console.roll_call import RollCall
from agent.core.contract import ALL_COMMAND
from agent.core.errors import LinkError
from agent.core.identity import broker_at
from tests.conftest import PATIENCE_S, Ear, Site
from tests.console.slow_line import slow_line
from tests.console.test_ask import COMMON, FakeSite, final
from tests.console.test_cli import complaint, diemcau
from tests.console.test_roll_call import FAILED, SPARE, answer, say, tell, there

SITE = "nam-sach"


@pytest.fixture
def fake(broker: Mosquitto) -> Iterator[FakeSite]:
    """A site that answers a drill."""
    site = FakeSite(broker.port, ALL_COMMAND)
    site.answers = lambda command: [final(command)]
    yield site
    site.close()


@pytest.fixture
def mute(tmp_path: Path, mosquitto_program: str) -> Iterator[tuple[str, FakeSite]]:
    """The address of a broker that lets everybody listen and only the user ``site`` speak, and that site."""
    rights = tmp_path / "rights"
    rights.write_text("topic read diemcau/#\n\nuser site\ntopic readwrite diemcau/#\n")
    rights.chmod(0o600)
    broker = Mosquitto(tmp_path, extra=f"allow_anonymous true\nacl_file {rights}")
    broker.start()
    site = FakeSite(broker.port, ALL_COMMAND, "site")
    yield broker.url, site
    site.close()
    broker.close()


def readiness(ready: bool) -> dict[str, Any]:
    return {**COMMON, "ready": ready, "checks": []}


def verdicts(call: RollCall) -> dict[str, str]:
    return {row.site: row.verdict for row in roll_call.rows(call)}


def only_the_status(call: RollCall, heard: "queue.SimpleQueue[drill.Heard]", pause_s: float) -> RollCall:
    """What is known of a site before the question, where the rest of what the broker has stored is late."""
    late = []
    while not (message := heard.get(timeout=PATIENCE_S))[0].endswith("/status"):
        late.append(message)
    for each in late:
        heard.put(each)
    topic, raw, is_retained = message
    return roll_call.heard(call, topic, raw, 0.0, is_retained)


def printed(call: RollCall) -> str:
    """The table as text, its lines joined."""
    console = Console(width=400, file=io.StringIO())
    with console.capture() as capture:
        console.print(drill.table(roll_call.rows(call)))
    return capture.get()


def test_the_question_goes_out_when_the_broker_has_told_who_there_is(broker: Mosquitto, fake: FakeSite) -> None:
    fake.status("lost")
    with slow_line(broker.port, 2.0) as port:
        call = drill.hold(broker_at(f"mqtt://127.0.0.1:{port}"), 1, "an")
    assert verdicts(call) == {SITE: "no-go"}


def test_a_stored_readiness_that_comes_after_the_question_is_no_answer(
    broker: Mosquitto, fake: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.status("running")
    fake.store("readiness", readiness(True))
    monkeypatch.setattr(drill, "_learn", only_the_status)
    call = drill.hold(broker_at(broker.url), 2, "an")
    assert call.sites.by_id[SITE].readiness is not None
    assert verdicts(call) == {SITE: "unknown"}


def test_a_readiness_that_is_said_after_the_question_is_an_answer_though_it_is_stored_too(
    broker: Mosquitto, fake: FakeSite
) -> None:
    fake.status("running")
    fake.store("readiness", readiness(False))

    def fit_again(command: dict[str, Any]) -> list[Any]:
        fake.store("readiness", readiness(True), waits=False)
        return [final(command)]

    fake.answers = fit_again
    assert verdicts(drill.hold(broker_at(broker.url), 10, "an")) == {SITE: "go"}


def test_sites_that_talk_all_the_time_do_not_hold_the_question_up(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: queue.SimpleQueue[drill.Heard] = queue.SimpleQueue()
    clock = iter(range(1000))
    monkeypatch.setattr(drill.time, "monotonic", lambda: next(clock) * 0.05)
    for _ in range(500):
        heard.put((f"diemcau/v1/{SITE}/health", b"{}", False))
    drill._learn(RollCall(), heard, 1.0)
    assert heard.qsize() > 400


def test_a_refusal_is_shown_with_its_reason_and_nobody_is_go(broker: Mosquitto, fake: FakeSite) -> None:
    fake.status("running")
    fake.answers = lambda command: [final(command, state="refused", reason="clock_unsynced", result=None)]
    shown = diemcau("drill", "--broker", broker.url)
    assert shown.returncode == 1
    told = diemcau("drill", "--broker", broker.url, "--json")
    assert told.returncode == 1
    document = json.loads(told.stdout)
    (row,) = document["sites"]
    assert (document["verdict"], row["verdict"], row["state"], row["reason"]) == (
        "no-go", "unknown", "refused", "clock_unsynced",
    )  # fmt: skip
    assert row["answered_s"] < 5


def test_people_read_why_a_site_refused_and_that_one_did_not_tell() -> None:
    call = answer(answer(there("a", "b"), "a", state="refused", reason="clock_unsynced"), "b")
    text = printed(call)
    assert "từ chối / refused: đồng hồ điểm cầu chưa đồng bộ / the site's clock is not synchronised" in text
    assert "answered, but did not say how it is" in text
    assert "no answer" not in text


def test_a_site_that_is_silent_though_the_broker_has_it_is_to_be_asked_again() -> None:
    assert "no answer (trực tuyến / online)" in printed(there("a"))
    lost = printed(there("a", state="lost"))
    assert "no answer (mất kết nối / lost)" in lost
    assert "Telephone the site" in lost
    assert "ask again" not in lost


def test_two_rooms_of_one_name_are_told_apart_by_their_ids() -> None:
    call = there("chi-linh-1", "chi-linh-2")
    for site in ("chi-linh-1", "chi-linh-2"):
        about = json.dumps({**COMMON, "name": "Điểm Chí Linh"}).encode()
        call = roll_call.heard(call, f"diemcau/v1/{site}/about", about, 0.0)
    shown = printed(call)
    assert shown.count("Điểm Chí Linh") == 2
    assert "chi-linh-1" in shown
    assert "chi-linh-2" in shown
    assert "máy chủ vẫn thấy điểm cầu: chờ 20 giây" in printed(there("a"))
    assert "the broker still has this site: wait 20 s" in printed(there("a"))
    assert "ask again" not in printed(there("a", state="lost"))


@pytest.mark.parametrize(
    ("others", "code"),
    [
        (lambda call: call, 0),
        (lambda call: say(call, "b", "status", state="lost", connection=1, boot_id="b", version="1"), 1),
        (lambda call: tell(answer(call, "b"), "b", False, FAILED), 1),
        (lambda call: tell(answer(call, "b"), "b", None, FAILED), 1),
        (lambda call: answer(call, "b", state="refused", reason="too_many"), 1),
        (lambda call: answer(call, "b"), 1),
    ],
)
def test_the_exit_code_is_0_only_when_all_are_go(
    monkeypatch: pytest.MonkeyPatch, others: Callable[[RollCall], RollCall], code: int
) -> None:
    call = tell(answer(there("a"), "a"), "a", True, SPARE)
    monkeypatch.setattr(drill, "hold", lambda *_: others(call))
    arguments = ["--broker", "mqtt://localhost"]
    assert drill.drill.main(arguments, standalone_mode=False) == code
    assert drill.drill.main([*arguments, "--json"], standalone_mode=False) == code


def test_a_broker_that_is_not_there_and_wrong_use_are_one_sentence() -> None:
    away = diemcau("drill", "--broker", f"mqtt://127.0.0.1:{free_port()}")
    assert away.returncode == 1
    assert complaint(away).startswith("diemcau: máy chủ 127.0.0.1:")
    assert "từ chối kết nối: khởi động máy chủ" in complaint(away)
    assert "refuses connections: start it" in complaint(away)
    told = diemcau("drill", "--json", "--broker", f"mqtt://127.0.0.1:{free_port()}")
    assert told.returncode == 1
    assert json.loads(told.stdout) == {"verdict": "unknown", "reason": "no_broker", "sites": []}
    assert diemcau("drill", "--within", "0", "--broker", "mqtt://localhost").returncode == 2


def test_who_may_only_listen_is_told_so_and_no_site_is_called_silent(mute: tuple[str, FakeSite]) -> None:
    url, site = mute
    site.status("running")
    began_s = time.monotonic()
    done = diemcau("drill", "--broker", url, "--within", "60")
    assert time.monotonic() - began_s < 30
    power = diemcau("power", SITE, "on", "--broker", url)
    assert (done.returncode, power.returncode) == (1, 1)
    sentence = "máy chủ không cho phép gửi lệnh / the broker does not permit this command"
    assert complaint(done) == f"diemcau: {sentence}"
    told = diemcau("drill", "--broker", url, "--json")
    assert json.loads(told.stdout) == {"verdict": "unknown", "reason": "not_permitted", "sites": []}
    assert sentence in complaint(power)
    assert site.heard == []


def test_a_question_that_is_refused_is_told_also_where_no_site_is_there(mute: tuple[str, FakeSite]) -> None:
    url, site = mute
    site.status("lost")
    told = diemcau("drill", "--broker", url, "--json")
    assert json.loads(told.stdout) == {"verdict": "unknown", "reason": "not_permitted", "sites": []}


def test_a_broker_that_goes_away_meanwhile_makes_no_site_silent(broker: Mosquitto, fake: FakeSite) -> None:
    def go_away(_: dict[str, Any]) -> list[Any]:
        broker.kill()
        return []

    fake.status("running")
    fake.answers = go_away
    told = diemcau("drill", "--broker", broker.url, "--within", "30", "--json")
    assert told.returncode == 1
    assert json.loads(told.stdout) == {"verdict": "unknown", "reason": "no_broker", "sites": []}
    assert told.stderr.startswith("diemcau: mất máy chủ giữa chừng")
    assert "the broker went away meanwhile" in told.stderr


def test_a_question_that_the_broker_never_had_makes_no_site_silent(
    broker: Mosquitto, fake: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.status("running")
    monkeypatch.setattr(Listener, "publish_to_all", lambda *_, **__: None)
    with pytest.raises(LinkError, match="the broker went away"):
        drill.hold(broker_at(broker.url), 2, "an")


def test_without_any_site_nobody_is_go(broker: Mosquitto) -> None:
    done = diemcau("drill", "--broker", broker.url, "--within", "2")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no site has ever been here" in done.stderr


def test_two_rooms_and_a_lost_one_in_a_drill(broker: Mosquitto, ear: Ear, site: Callable[..., Site]) -> None:
    room = site(broker.url, [{"at_s": 5, "do": "press"}, {"at_s": 0, "do": "arrive", "people": 5}], look_down_share=0)
    room.start()
    ear.wait("/readiness", lambda d: d["ready"] is True, "ready")
    go = diemcau("drill", "--broker", broker.url, "--within", "10", "--json")
    document = json.loads(go.stdout)
    assert (go.returncode, document["verdict"]) == (0, "go")
    assert document["sites"][0]["answered_s"] < 10
    room.write(b"h\n")
    ear.wait("/power", lambda d: d["state"] == "off", "off")
    off = diemcau("drill", "--broker", broker.url)
    assert off.returncode == 1
    assert "Nhấn nút để bật phòng." in off.stdout.replace("\n", " ") or "room.power" in off.stdout
    assert room.process is not None
    room.process.kill()
    room.process.wait()
    ear.wait("/status", lambda d: d["state"] == "lost", "lost")
    lost = json.loads(diemcau("drill", "--broker", broker.url, "--within", "3", "--json").stdout)
    assert (lost["verdict"], lost["sites"][0]["presence"]) == ("no-go", "lost")
