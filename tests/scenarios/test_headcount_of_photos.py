"""Sequences made from group photos of at least 50 people, through the eye's own sight and the estimator.

``tests/bench/headcount.py`` measures the same with more seeds and beside rivals. Here the bounds are those that a
change for the worse would break.
"""

import json
import statistics
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.__main__ import main
from agent.core import headcount
from agent.core.config import HeadcountSection
from agent.core.events import FrameSeen
from agent.core.headcount import Estimate, Estimator
from hw.eye.detector import open_detector
from hw.eye.models import KNOWN, search
from hw.eye.sight import Sight
from tests.bench.sequences import Crowd, Plan, film, find_crowd

HALLS = Path(__file__).resolve().parents[3] / "shared" / "halls"
PREFERRED = search().model is not None and search().model.known == KNOWN[0]  # type: ignore[union-attr]
pytestmark = [
    pytest.mark.skipif(not HALLS.is_dir(), reason="../shared/halls is not there"),
    pytest.mark.skipif(not PREFERRED, reason=f"{KNOWN[0].file} is not there"),
]
CONFIG = HeadcountSection()
SETTLED = 45  # frames: a window at one every 2 s


@cache
def crowd(name: str, face_px: float | None = None) -> Crowd:
    model = search().model
    assert model is not None
    found = find_crowd(HALLS / f"{name}.jpg", open_detector(model, 0.6))
    if face_px is None:
        return found
    return found.smaller(face_px / statistics.median(w for _, _, w, _ in found.faces))


def counted(
    people: Crowd, plan: Plan, seed: int, estimator: Estimator | None = None, begins_s: float = 0.0
) -> tuple[list[Estimate], list[int], Estimator]:
    """What is reported after each frame, the truth, and the estimator for what comes next."""
    model = search().model
    assert model is not None
    sight, estimator = Sight(open_detector(model, CONFIG.threshold)), estimator or Estimator()
    said, truth = [], []
    for frame in film(people, plan, seed):
        seen = sight.look(frame.picture, begins_s + frame.t_s)
        event = FrameSeen(0, seen.captured_s, seen.width, seen.height, seen.detections, 1.0, seen.luma_mean, 0.0)
        estimator = headcount.add_frame(estimator, event, CONFIG)
        said.append(headcount.estimate(estimator, seen.captured_s, CONFIG, CONFIG.window_s))
        truth.append(frame.people)
    return said, truth, estimator


def wrong(said: list[Estimate], truth: list[int], first: int) -> list[int]:
    """By how many people each frame from ``first`` on is wrong."""
    assert all(each.value is not None for each in said[first:])
    return [(each.value or 0) - people for each, people in list(zip(said, truth, strict=True))[first:]]


@pytest.mark.parametrize(("name", "people"), [("group-1", 52), ("group-26", 77)])
def test_everybody_is_counted_though_half_of_the_heads_are_down(name: str, people: int, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    for number, frame in enumerate(film(crowd(name), Plan(frames=75), seed=11)):
        cv2.imwrite(str(tmp_path / f"{number:03d}.png"), frame.picture)
    with pytest.raises(SystemExit) as ended:
        main(["count", str(tmp_path), "--fps", "0.5", "--json"])
    assert not ended.value.code
    *frames, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    errors = [abs(line["value"] - people) for line in frames[SETTLED:]]
    assert statistics.mean(errors) <= 0.007 * people
    assert max(errors) <= 0.02 * people
    assert max(line["seen"] for line in frames) < 0.8 * people, "no single frame shows them all"
    assert (last["value"], last["state"]) == (frames[-1]["value"], "ok")


def test_who_leaves_is_gone_and_who_stays_is_not() -> None:
    said, truth, _ = counted(crowd("group-1"), Plan(frames=110, leave_at=50), seed=12)
    assert truth[49:51] == [52, 36]
    assert max(map(abs, wrong(said[:50], truth[:50], SETTLED))) <= 1
    assert max(map(abs, wrong(said, truth, 50 + SETTLED))) <= 0.03 * 52


def test_who_arrives_is_counted() -> None:
    said, truth, _ = counted(crowd("group-26"), Plan(frames=95, arrive_at=40), seed=13)
    assert max(map(abs, wrong(said, truth, 40 + SETTLED))) <= 0.03 * 77


def test_false_faces_that_flicker_add_three_at_most() -> None:
    said, truth, _ = counted(crowd("group-26"), Plan(frames=90, flickers=20), seed=14)
    assert max(wrong(said, truth, SETTLED)) <= 3
    assert min(wrong(said, truth, SETTLED)) >= -2


def test_a_nudge_is_followed_and_doubles_nobody() -> None:
    said, truth, _ = counted(crowd("group-1"), Plan(frames=80, nudge_at=60), seed=15)
    errors = wrong(said, truth, SETTLED)
    assert statistics.mean(map(abs, errors)) <= 0.01 * 52
    assert max(map(abs, errors)) <= 0.04 * 52


def test_faces_of_ten_pixels_are_enlarged_and_counted() -> None:
    said, truth, _ = counted(crowd("group-26", face_px=10), Plan(frames=70), seed=16)
    errors = wrong(said, truth, SETTLED)
    assert statistics.mean(map(abs, errors)) <= 0.03 * 77
    assert max(map(abs, errors)) <= 0.06 * 77


def test_in_the_dark_nothing_is_known_and_afterwards_everybody_is_where_he_was() -> None:
    said, truth, _ = counted(crowd("group-1"), Plan(frames=66, dark=(50, 60)), seed=17)
    assert {(each.value, each.reason) for each in said[50:60]} == {(None, "dark")}
    assert max(map(abs, wrong(said, truth, 60))) <= 1


def test_a_camera_that_is_turned_away_begins_anew_and_says_so() -> None:
    first, second = crowd("group-1"), crowd("group-26")
    height, width = first.photo.shape[:2]
    turned = second.smaller(width / second.photo.shape[1])
    below = max(0, height - turned.photo.shape[0])
    photo = cv2.copyMakeBorder(turned.photo, 0, below, 0, 0, cv2.BORDER_REPLICATE)[:height]
    turned = replace(turned, photo=np.asarray(photo, np.uint8))
    _, _, estimator = counted(first, Plan(frames=50), seed=18)
    said, truth, _ = counted(turned, Plan(frames=55), 19, estimator, begins_s=100.0)
    assert [each.reason for each in said[2:12]] == ["camera_moved"] * 10
    assert max(map(abs, wrong(said, truth, SETTLED + 2))) <= 2


def test_somebody_who_walks_through_is_not_counted() -> None:
    said, truth, _ = counted(crowd("group-1"), Plan(frames=75, walker_at=50), seed=20)
    assert max(wrong(said, truth, SETTLED)) <= 0
