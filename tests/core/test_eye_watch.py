"""agent/core/eye_watch.py: when the counting process runs, and what follows when it crashes, hangs or sees nothing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core import eye_watch as core
from agent.core.commands import Command, LookEvery, StopEye, WatchCamera
from agent.core.config import RoomConfig
from agent.core.events import Event, EyeAlive, EyeEnded, EyeReady, EyeTrouble, Tick
from agent.core.eye_watch import (
    BUSY_AGAIN_S,
    GOOD_AFTER_S,
    HEARD_OUT_S,
    LATE_S,
    RETRY_CAP_S,
    SILENT_AFTER_S,
    START_WITHIN_S,
    EyeWatch,
)
from tests.core.rig import BEGIN_S, examples, frame, only, room_config

CONFIG = room_config(
    camera={"check": "camera-main", "width": 1280, "height": 720},
    headcount={"model": "m.onnx", "threshold": 0.7, "interval_s": 3, "cpu_share": 0.25},
)
NODE, OTHER = "/dev/video0", "/dev/video2"
IDLE = EyeWatch(watch=4)
STARTING = EyeWatch(watch=4, node=NODE, running=True, started_s=BEGIN_S, heard_s=BEGIN_S)
WATCHING = replace(STARTING, look_s=0.02, detector="yunet_n", model_sha256="ab")
WAITING = EyeWatch(watch=4, node=NODE, failures=1, retry_s=BEGIN_S + 1)


def order(watch: int, node: str = NODE) -> WatchCamera:
    return WatchCamera(watch, node, 1280, 720, "m.onnx", 0.7, 3, 0.25)


def step(
    eye: EyeWatch, event: Event, node: str | None = NODE, at_s: float = 0.5, config: RoomConfig = CONFIG
) -> tuple[EyeWatch, list[Command], str | None]:
    """One step, ``at_s`` after the beginning; without the log lines."""
    outcome = core.handle(eye, event, node, BEGIN_S + at_s, config)
    return outcome.eye, [each for each in outcome.commands if isinstance(each, WatchCamera | StopEye)], outcome.trouble


@pytest.mark.parametrize(
    ("eye", "event", "node", "commands", "trouble"),
    [
        (IDLE, Tick(), None, [], None),
        (IDLE, Tick(), NODE, [order(5)], "starting"),
        (STARTING, Tick(), NODE, [], None),
        (STARTING, EyeReady(4, "yunet_n", "ab"), NODE, [], None),
        (WATCHING, frame(BEGIN_S, watch=4), NODE, [], None),
        (WATCHING, Tick(), None, [StopEye()], None),
        (WATCHING, Tick(), OTHER, [order(5, OTHER)], "starting"),
        (WATCHING, EyeTrouble(4, "no_model", "…"), NODE, [StopEye()], "no_model"),
        (WATCHING, EyeEnded(4, "exit 1"), NODE, [StopEye()], "eye_ended"),
        (WATCHING, EyeTrouble(3, "no_model", "…"), NODE, [], None),
        (WATCHING, EyeEnded(3, "exit 1"), NODE, [], None),
        (WAITING, EyeEnded(4, "exit 1"), NODE, [], None),
        (WAITING, Tick(), NODE, [], None),
        (WAITING, Tick(), None, [], None),
        (WAITING, Tick(), OTHER, [order(5, OTHER)], "starting"),
    ],
)
def test_the_eye_is_started_and_ended_as_the_camera_and_its_own_words_ask(
    eye: EyeWatch, event: Event, node: str | None, commands: list[Command], trouble: str | None
) -> None:
    """That an old process is ended before another camera is watched is the promise of WatchCamera itself."""
    after, found, word = step(eye, event, node)
    assert (found, word) == (commands, trouble)
    assert after.node == node


def test_ready_says_which_network_counts() -> None:
    after, _, _ = step(STARTING, EyeReady(4, "yunet_n", "ab"))
    assert (after.detector, after.model_sha256) == ("yunet_n", "ab")


def test_ready_of_an_earlier_process_is_not_believed() -> None:
    after, _, _ = step(STARTING, EyeReady(3, "centerface", "cd"))
    assert after.detector is None


@pytest.mark.parametrize(("eye", "patience_s"), [(STARTING, START_WITHIN_S), (WATCHING, SILENT_AFTER_S)])
def test_an_eye_that_says_nothing_for_too_long_is_ended(eye: EyeWatch, patience_s: float) -> None:
    assert eye.deadline_s == BEGIN_S + patience_s
    assert step(eye, Tick(), at_s=patience_s - 0.01)[1:] == ([], None)
    after, commands, trouble = step(eye, Tick(), at_s=patience_s)
    assert (commands, trouble) == ([StopEye()], "eye_silent")
    assert after.deadline_s == BEGIN_S + patience_s + 1


def test_an_agent_that_was_held_up_itself_hears_first_what_waits() -> None:
    """The card took eight seconds for a write, and the eye's words wait behind it."""
    held_up, commands, trouble = step(WATCHING, Tick(), at_s=8)
    assert (commands, trouble, held_up.deadline_s) == ([], None, BEGIN_S + 8 + HEARD_OUT_S)
    spoken = step(held_up, EyeAlive(4), at_s=8.01)[0]
    assert spoken.deadline_s == BEGIN_S + 8.01 + SILENT_AFTER_S


def test_once_only_or_a_slow_agent_would_never_find_its_eye_silent() -> None:
    held_up = step(WATCHING, Tick(), at_s=8)[0]
    assert step(held_up, Tick(), at_s=8.9)[1:] == ([], None)
    assert step(held_up, Tick(), at_s=12)[1:] == ([StopEye()], "eye_silent")
    assert step(WATCHING, Tick(), at_s=SILENT_AFTER_S + LATE_S)[2] == "eye_silent"


@pytest.mark.parametrize("event", [frame(0, watch=4), EyeAlive(4)])
def test_every_word_of_the_eye_buys_it_time(event: Event) -> None:
    after, _, _ = step(WATCHING, event, at_s=4.9)
    assert after.deadline_s == BEGIN_S + 4.9 + SILENT_AFTER_S


def test_a_word_of_an_earlier_process_buys_no_time() -> None:
    assert step(WATCHING, EyeAlive(3), at_s=SILENT_AFTER_S - 0.1)[0].deadline_s == BEGIN_S + SILENT_AFTER_S
    assert step(WATCHING, EyeAlive(3), at_s=SILENT_AFTER_S)[2] == "eye_silent"


def test_an_eye_that_fails_is_started_again_with_growing_pauses() -> None:
    eye, now_s, pauses = STARTING, 0.0, []
    for _ in range(12):
        eye, _, _ = step(eye, EyeEnded(eye.watch, "exit 1"), at_s=now_s)
        assert eye.deadline_s is not None
        pauses.append(round(eye.deadline_s - BEGIN_S - now_s, 6))
        now_s = eye.deadline_s - BEGIN_S
        assert step(eye, Tick(), at_s=now_s - 0.01)[1] == []
        eye, commands, _ = step(eye, Tick(), at_s=now_s)
        assert commands == [order(eye.watch)]
    assert pauses == [1, 2, 4, *[RETRY_CAP_S] * 9]


@pytest.mark.parametrize(("worked_s", "pause_s"), [(GOOD_AFTER_S - 1, 8), (GOOD_AFTER_S + 1, 1)])
def test_a_long_good_run_forgets_the_failures_before_it(worked_s: float, pause_s: float) -> None:
    eye, _, _ = step(replace(WATCHING, failures=3), EyeAlive(4), at_s=worked_s)
    eye, _, _ = step(eye, EyeEnded(4, "exit 1"), at_s=worked_s)
    assert eye.retry_s == BEGIN_S + worked_s + pause_s


def test_another_camera_is_not_blamed_for_the_first_one() -> None:
    turned, commands, _ = step(replace(WAITING, failures=9, retry_s=BEGIN_S + 30), Tick(), OTHER)
    assert commands == [order(5, OTHER)]
    after, _, _ = step(turned, EyeEnded(5, "exit 1"), OTHER)
    assert after.retry_s == BEGIN_S + 0.5 + 1


def test_the_log_says_what_the_eye_said_and_when_it_is_tried_again() -> None:
    outcome = core.handle(WATCHING, EyeTrouble(4, "no_frames", "the camera gives none"), NODE, BEGIN_S, CONFIG)
    assert "eye: no_frames: the camera gives none; again in 1 s" in str(outcome.commands)


@pytest.mark.parametrize("failures", [0, 1, 9])
def test_a_camera_that_another_program_has_is_left_alone_for_a_minute(failures: int) -> None:
    eye, _, trouble = step(replace(WATCHING, failures=failures), EyeTrouble(4, "busy", "…"), at_s=0)
    assert (eye.deadline_s, trouble) == (BEGIN_S + BUSY_AGAIN_S, "busy")
    assert step(eye, Tick(), at_s=BUSY_AGAIN_S - 0.01)[1] == []
    assert step(eye, Tick(), at_s=BUSY_AGAIN_S)[1] == [order(5)]


def test_a_busy_camera_that_was_unplugged_is_tried_at_once_when_it_is_back() -> None:
    eye, _, _ = step(WATCHING, EyeTrouble(4, "busy", "…"), at_s=0)
    eye, commands, _ = step(eye, Tick(), None, at_s=1)
    assert (eye.deadline_s, commands) == (None, [])
    assert step(eye, Tick(), at_s=2)[1] == [order(5)]


# A camera that comes and goes


def replugged(eye: EyeWatch, is_loose: bool) -> EyeWatch:
    """The camera is away for a moment, back on another node, and the eye fails with it."""
    eye = core.handle(eye, Tick(), None, BEGIN_S + 61, CONFIG, is_loose=False).eye
    eye = core.handle(eye, Tick(), OTHER, BEGIN_S + 62, CONFIG, is_loose).eye
    assert eye.running
    return core.handle(eye, EyeEnded(eye.watch, "exit 1"), OTHER, BEGIN_S + 62, CONFIG, is_loose).eye


@pytest.mark.parametrize(("is_loose", "pause_s"), [(True, RETRY_CAP_S), (False, 1)])
def test_a_camera_that_comes_and_goes_is_not_forgiven_for_that(is_loose: bool, pause_s: float) -> None:
    assert replugged(replace(WAITING, failures=5), is_loose).deadline_s == BEGIN_S + 62 + pause_s
    assert replugged(replace(WATCHING, failures=5), is_loose).deadline_s == BEGIN_S + 62 + pause_s


def test_a_good_run_is_forgiven_also_where_the_camera_comes_and_goes() -> None:
    good, _, _ = step(replace(WATCHING, failures=5), EyeAlive(4), at_s=GOOD_AFTER_S + 1)
    assert replugged(good, is_loose=True).deadline_s == BEGIN_S + 62 + 1


# Whatever happens, in whatever order

WATCHES = st.integers(0, 6)
EVENTS = st.one_of(
    st.just(Tick()),
    st.builds(EyeReady, WATCHES, st.just("yunet_n"), st.none()),
    st.builds(EyeAlive, WATCHES),
    st.builds(EyeEnded, WATCHES, st.just("…")),
    st.builds(EyeTrouble, WATCHES, st.sampled_from(["busy", "no_model"]), st.just("…")),
    st.builds(lambda watch: frame(BEGIN_S, watch=watch), WATCHES),
)
NODES = st.sampled_from([None, NODE, NODE, OTHER])
STEPS = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 4.0, 40.0]), NODES, st.booleans(), EVENTS))


@examples(150)
@given(steps=STEPS)
def test_at_most_one_eye_runs_and_no_deadline_stays_in_the_past(
    steps: list[tuple[float, str | None, bool, Event]],
) -> None:
    eye, now_s, alive, numbers = EyeWatch(), BEGIN_S, False, [0]
    for pause_s, node, is_loose, event in steps:
        now_s += pause_s
        outcome = core.handle(eye, event, node, now_s, CONFIG, is_loose)
        for command in outcome.commands:
            # WatchCamera itself ends what may be there before it starts another.
            alive = isinstance(command, WatchCamera) if isinstance(command, WatchCamera | StopEye) else alive
        numbers += [each.watch for each in only(WatchCamera, outcome.commands)]
        eye = outcome.eye
        assert alive == eye.running
        assert eye.running <= (node is not None)
        assert eye.deadline_s is None or eye.deadline_s > now_s
        assert (eye.deadline_s is None) == (node is None)
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(("look_s", "patience_s"), [(0.02, SILENT_AFTER_S), (4.0, 12.0)])
def test_a_box_that_is_slow_at_looking_is_given_time_and_one_that_hangs_is_not(
    look_s: float, patience_s: float
) -> None:
    eye = replace(WATCHING, look_s=look_s)
    assert eye.deadline_s == eye.heard_s + patience_s


def test_the_first_look_has_as_long_as_a_start() -> None:
    eye = replace(WATCHING, look_s=None)
    assert eye.deadline_s == eye.heard_s + START_WITHIN_S


def test_what_the_last_frame_said_about_the_eye_is_kept_until_it_starts_again() -> None:
    said = frame(BEGIN_S, 3, watch=4, interval_s=9.5, cpu_share=0.2)
    eye, _, _ = step(WATCHING, said)
    assert eye.last == replace(said, detections=()), "but not who was seen"
    eye, _, _ = step(eye, Tick(), OTHER)
    assert eye.last is None


def slower(interval_s: float, **changes: object) -> RoomConfig:
    return CONFIG.model_copy(
        update={"headcount": CONFIG.headcount.model_copy(update={"interval_s": interval_s, **changes})}
    )


def test_an_eye_that_runs_is_told_of_another_interval_and_not_started_again() -> None:
    eye, _, _ = step(IDLE, Tick())
    asked = replace(order(5), interval_s=9)
    outcome = core.handle(eye, frame(BEGIN_S, watch=5), NODE, BEGIN_S + 2, slower(9))
    assert (outcome.commands, outcome.trouble) == ([LookEvery(asked)], None)
    assert (outcome.eye.asked, outcome.eye.heard_s) == (asked, BEGIN_S + 2)
    assert step(outcome.eye, Tick(), at_s=2.5, config=slower(9))[1] == []
    assert step(outcome.eye, Tick(), at_s=2.5, config=slower(3, threshold=0.8))[2] == "starting"


def test_an_eye_that_waits_for_its_next_start_begins_with_the_new_interval() -> None:
    eye, _, _ = step(IDLE, Tick())
    eye, _, _ = step(eye, EyeEnded(5, "exit 1"), at_s=1)
    eye, commands, _ = step(eye, Tick(), at_s=1.5, config=slower(9))
    assert commands == []
    assert step(eye, Tick(), at_s=60, config=slower(9))[1] == [replace(order(6), interval_s=9)]
