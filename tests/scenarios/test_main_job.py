"""The main job, end to end, with the real command line over a real broker: only pins, bus and camera are simulated."""

import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from agent.adapters.mosquitto import Mosquitto
from agent.core.contract import Conference
from tests.conftest import Ear, Site, wait_for

MakeSite = Callable[..., Site]
PRESS = {"at_s": 10, "do": "press"}
TWELVE = {"at_s": 0, "do": "arrive", "people": 12}
LATER_S = 150  # ten times as fast: time enough to count first, on a machine that has much else to do


def eyes_of(process: "object") -> list[psutil.Process]:
    return psutil.Process(process.pid).children()  # type: ignore[attr-defined]


def test_a_press_powers_the_room_in_order_and_its_people_are_reported(
    broker: Mosquitto, ear: Ear, site: MakeSite
) -> None:
    room = site(broker.url, [PRESS, TWELVE], look_down_share=0)
    room.start()
    assert ear.wait("/status", lambda d: d["state"] == "running", "running")["connection"] == 1
    assert ear.wait("/power", lambda d: d.get("step") == "codec", "at the codec")["loads"]["display"] == "off"
    on = ear.wait("/power", lambda d: d["state"] == "on", "on")
    assert on["loads"] == {"codec": "on", "display": "on"}
    assert on["by"] == "button"
    count = ear.wait("/headcount", lambda d: d["value"] == 12 and d["state"] == "ok", "12 people")
    assert count["detector"] == "simulated"
    assert ear.wait("/simulated/truth", lambda d: d["people"] == 12, "truth")["at"].endswith("Z")
    assert ear.wait("/about", lambda d: True, "about")["name"] == "Thị xã Chí Linh"
    assert ear.wait("/health", lambda d: True, "health")["memory_total_bytes"] > 0


def test_the_network_counts_the_drawn_hall(broker: Mosquitto, ear: Ear, site: MakeSite) -> None:
    from hw.eye.models import search

    if search().model is None:
        pytest.skip("needs a face network")
    room = site(broker.url, [{"at_s": 1, "do": "press"}, TWELVE], speed=1, look_down_share=0)
    room.start()
    count = ear.wait("/headcount", lambda d: d["value"] == 12, "12 people by the network")
    assert count["detector"] in ("yunet_n", "yunet_2023mar", "centerface")


def test_a_summoned_number_gives_a_rate_and_an_empty_payload_clears_it(
    broker: Mosquitto, ear: Ear, site: MakeSite
) -> None:
    now = datetime.now(UTC)
    conference = Conference(id="hn-1", starts_at=now, ends_at=now + timedelta(hours=1), summoned=16)
    ear.listener.publish_to("chi-linh", "conference", conference, retain=True)
    site(broker.url, [PRESS, TWELVE], look_down_share=0).start()
    count = ear.wait("/headcount", lambda d: d["value"] == 12, "12 people")
    assert (count["summoned"], count["rate"], count["conference"]) == (16, 0.75, "hn-1")


def test_a_conference_has_the_same_eye_look_more_often_until_it_is_over(
    broker: Mosquitto, ear: Ear, site: MakeSite
) -> None:
    room = site(broker.url, [PRESS, TWELVE], look_down_share=0)
    toml = room.folder / "room.toml"
    toml.write_text(toml.read_text().replace("interval_s = 0.2", "interval_s = 1.5\nconference_interval_s = 0.2", 1))
    process = room.start()
    ear.wait("/headcount", lambda d: d["value"] == 12 and d["interval_s"] >= 1.5, "12 people, now and then")
    eyes, now = eyes_of(process), datetime.now(UTC)
    # With a clock that nobody set, as a test's machine may have, it is the lock that says that it goes on.
    conference = Conference(id="hn-1", starts_at=now, ends_at=now + timedelta(hours=1), lock=True)
    ear.listener.publish_to("chi-linh", "conference", conference, retain=True)
    ear.wait("/headcount", lambda d: d["value"] == 12 and d["interval_s"] < 1, "12 people, again and again")
    day = timedelta(days=1)
    ended = Conference(id="hn-1", starts_at=now - day, ends_at=conference.ends_at - day, lock=False)
    ear.listener.publish_to("chi-linh", "conference", ended, retain=True)
    ear.forget()
    ear.wait("/headcount", lambda d: d["value"] == 12 and d["interval_s"] >= 1.5, "now and then again")
    assert eyes_of(process) == eyes


def test_a_pulled_camera_makes_the_count_unknown_and_a_plugged_one_brings_it_back(
    broker: Mosquitto, ear: Ear, site: MakeSite
) -> None:
    pull = {"at_s": LATER_S, "do": "unplug"}
    plug = {"at_s": LATER_S + 30, "do": "plug"}
    site(broker.url, [PRESS, TWELVE, pull, plug], look_down_share=0).start()
    ear.wait("/headcount", lambda d: d["value"] == 12, "12 people")
    gone = ear.wait("/headcount", lambda d: d["reason"] == "missing", "without a camera")
    assert gone["value"] is None
    assert gone["state"] == "unknown"
    ear.forget()
    ear.wait("/headcount", lambda d: d["value"] == 12, "12 people again")


@pytest.mark.parametrize(("cue", "reason"), [("dark", "dark"), ("freeze", "frozen"), ("stall", "eye_silent")])
def test_a_camera_that_lies_is_unknown_and_the_room_stays_on(
    broker: Mosquitto, ear: Ear, site: MakeSite, cue: str, reason: str
) -> None:
    site(broker.url, [PRESS, TWELVE, {"at_s": LATER_S, "do": cue}], look_down_share=0).start()
    ear.wait("/headcount", lambda d: d["value"] == 12, "12 people")
    bad = ear.wait("/headcount", lambda d: d["reason"] == reason, reason)
    assert bad["value"] is None
    ear.forget()
    assert ear.wait("/power", lambda d: True, "after that")["state"] == "on"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_or_hanging_eye_costs_the_count_never_the_room_and_comes_back(
    broker: Mosquitto, ear: Ear, site: MakeSite, number: signal.Signals
) -> None:
    process = site(broker.url, [PRESS, TWELVE], look_down_share=0).start()
    ear.wait("/headcount", lambda d: d["value"] == 12, "12 people")
    eye = eyes_of(process)[0]
    ear.forget()
    eye.send_signal(number)
    reason = "eye_ended" if number == signal.SIGKILL else "eye_silent"
    assert ear.wait("/headcount", lambda d: d["reason"] == reason, reason)["value"] is None
    ear.forget()
    ear.wait("/headcount", lambda d: d["value"] == 12, "12 people again")
    assert all(one.pid != eye.pid for one in eyes_of(process))
    assert not [t for t, d in ear.all if t.endswith("/power") and d["state"] != "on"]


def test_a_hold_switches_off_backwards_and_the_eye_ends(broker: Mosquitto, ear: Ear, site: MakeSite) -> None:
    room = site(broker.url, [PRESS, TWELVE], look_down_share=0)
    process = room.start()
    ear.wait("/headcount", lambda d: d["value"] == 12, "12 people")
    ear.forget()
    room.write(b"h\n")
    ear.wait("/power", lambda d: d["loads"] == {"codec": "on", "display": "off"}, "display first")
    ear.wait("/power", lambda d: d["state"] == "off", "off")
    assert ear.wait("/headcount", lambda d: d["reason"] == "room_off", "room off")["value"] is None
    wait_for(lambda: not eyes_of(process), "the eye ends with the room")


def test_sigterm_says_stopped_leaves_no_process_and_exits_0(broker: Mosquitto, ear: Ear, site: MakeSite) -> None:
    process = site(broker.url, [PRESS, TWELVE], look_down_share=0).start()
    ear.wait("/headcount", lambda d: d["value"] == 12, "12 people")
    eyes = eyes_of(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    ear.wait("/status", lambda d: d["state"] == "stopped", "stopped")
    last = ear.wait("/headcount", lambda d: d["reason"] == "stopped", "count ended")
    assert last["value"] is None
    assert not [t for t, d in ear.all if t.endswith("/power") and d["state"] not in ("off", "starting", "on")]
    wait_for(lambda: not any(eye.is_running() and eye.status() != "zombie" for eye in eyes), "no eye is left")


def test_a_killed_agent_takes_its_eye_along_and_the_broker_says_lost(
    broker: Mosquitto, ear: Ear, site: MakeSite
) -> None:
    room = site(broker.url, [PRESS, TWELVE, {"at_s": LATER_S, "do": "stall"}], look_down_share=0)
    process = room.start()
    ear.wait("/headcount", lambda d: d["value"] == 12, "12 people")
    eyes = eyes_of(process)
    process.kill()
    process.wait()
    wait_for(lambda: not any(Path(f"/proc/{eye.pid}").exists() for eye in eyes), "the eye dies with its parent")
    assert ear.wait("/status", lambda d: d["state"] == "lost", "lost, after the will's delay")["connection"] == 1


def test_a_broker_that_comes_late_and_comes_back_hears_everything(broker: Mosquitto, site: MakeSite, ear: Ear) -> None:
    site(broker.url, [PRESS, TWELVE], look_down_share=0).start()
    ear.wait("/headcount", lambda d: d["value"] == 12, "12 people")
    broker.kill()
    broker.start()  # retained messages are gone with it: persistence is off
    ear.forget()
    assert ear.wait("/status", lambda d: d["state"] == "running", "again")["connection"] >= 2
    for topic in ("/about", "/power", "/headcount", "/health"):
        ear.wait(topic, lambda d: True, "said again")


def test_without_an_identity_the_button_works_and_the_log_says_what_to_do(site: MakeSite) -> None:
    room = site(None, [PRESS], look_down_share=0)
    process = room.start()
    wait_for(lambda: "power: on" in room.log, "the room comes up without a link")
    assert "agent.toml" in room.log
    assert "create it" in room.log
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_a_broken_room_file_names_every_mistake_and_the_last_good_one_runs(
    broker: Mosquitto, ear: Ear, site: MakeSite
) -> None:
    room = site(broker.url, [PRESS, TWELVE], look_down_share=0)
    process = room.start()
    ear.wait("/power", lambda d: d["state"] == "on", "on")
    process.terminate()
    process.wait()
    (room.folder / "room.toml").write_text('[site]\nnmae = "x"\n[power]\nrestore = "lst"\n[nothing]\n')
    ear.forget()
    room.start()
    assert ear.wait("/power", lambda d: d["state"] == "on", "on with the last good one")["loads"].keys() == {
        "codec",
        "display",
    }
    (room.folder / "state" / "room.json").unlink()
    room.close()
    room.start()
    wait_for(lambda: "did you mean name?" in room.log, "suggestions in the log")
    for mistake in ("site.nmae", "power.restore", "nothing"):  # a line each
        wait_for(lambda mistake=mistake: mistake in room.log, f"{mistake} in the log")  # type: ignore[misc]


def test_a_refusing_broker_costs_the_link_only(tmp_path: Path, site: MakeSite, mosquitto_program: str) -> None:
    folder = tmp_path / "strict"
    folder.mkdir()
    (folder / "passwords").write_text("")
    strict = Mosquitto(folder, extra=f"allow_anonymous false\npassword_file {folder / 'passwords'}")
    try:
        strict.start()
        room = site(strict.url, [PRESS])
        room.start()
        wait_for(lambda: "power: on" in room.log, "the room comes up")
        wait_for(lambda: "refuses chi-linh" in room.log, "the refusal is in the log")
    finally:
        strict.close()


def test_payloads_carry_what_the_contract_says(broker: Mosquitto, ear: Ear, site: MakeSite) -> None:
    site(broker.url, [PRESS, TWELVE], look_down_share=0).start()
    ear.wait("/headcount", lambda d: d["value"] == 12, "12 people")
    ear.wait("/health", lambda d: True, "health")
    sessions = {d["session"] for t, d in ear.all if not t.endswith("truth")}
    assert len(sessions) == 1
    for topic, document in ear.all:
        assert document["at"].endswith("Z"), topic
        if not topic.endswith("truth"):
            assert document["clock"] in ("synced", "unsynced")
    count = next(d for t, d in reversed(ear.all) if t.endswith("/headcount") and d["value"] == 12)
    for field in ("seen", "min", "max", "samples", "window_s", "frame_age_s", "interval_s", "reason"):
        assert field in count
    assert "summoned" not in count  # no conference: the field does not apply


def test_a_second_agent_on_the_same_folder_is_told_and_the_first_one_goes_on(
    broker: Mosquitto, ear: Ear, site: MakeSite
) -> None:
    room = site(broker.url, [{"at_s": 5000, "do": "unplug", "device": "camera-mian"}])
    room.start()
    ear.wait("/status", lambda d: d["state"] == "running", "running")
    first = room.process
    second = room.start()
    room.process = first
    assert second.wait(30) == 1
    second.stdin.close()  # type: ignore[union-attr]
    assert "diemcau: đã có chương trình khác đang chạy với thư mục này / an agent already runs with" in room.log
    assert "Traceback" not in room.log
    assert first is not None
    assert first.poll() is None
    assert "the script speaks of 'camera-mian', which is no USB check of this room (there are: camera-main" in room.log
