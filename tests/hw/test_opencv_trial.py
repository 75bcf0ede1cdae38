"""OpenCV is tried in a process of its own."""

import sys

import pytest

from agent.doctor import WITHIN_S
from hw import opencv_trial
from hw.opencv_trial import opencv_trial as trial


def test_the_one_that_is_installed_starts() -> None:
    version, complaint = trial()
    assert version is not None
    assert version.startswith("5.")
    assert complaint == ""


def test_what_is_missing_is_said_in_one_line() -> None:
    assert trial((sys.executable, "-c", "import no_such_library")) == (
        None, "ModuleNotFoundError: No module named 'no_such_library'",
    )  # fmt: skip
    assert trial((sys.executable, "-c", "import os; os.abort()")) == (None, "it ended with -6")


def test_the_doctor_hears_of_one_that_hangs_before_he_is_done() -> None:
    assert opencv_trial.PATIENCE_S < WITHIN_S


def test_a_library_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opencv_trial, "PATIENCE_S", 0.2)
    version, complaint = trial((sys.executable, "-c", "import time; time.sleep(60)"))
    assert version is None
    assert "did not start" in complaint
