"""An environment with OpenCV 4, whose Haar cascades OpenCV 5 no longer has."""

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

PACKAGE = "opencv-python-headless==4.14.*"
COUNTER = Path(__file__).with_name("haar.py")


def haar_python(folder: Path) -> str | None:
    """Set one up in ``folder``; None, with a sentence, where the package cannot be had."""
    venv.create(folder / "haar", with_pip=True)
    python = str(folder / "haar" / "bin" / "python")
    installed = subprocess.run([python, "-m", "pip", "install", "-q", PACKAGE], check=False)
    if installed.returncode:
        print(f"{PACKAGE} cannot be installed: going on without it", file=sys.stderr)
        return None
    return python


def count_with_haar(python: str, frames: Path) -> tuple[list[Any], list[float]]:
    """Faces and milliseconds for each frame of a ``.npy`` file."""
    done = subprocess.run([python, str(COUNTER), str(frames)], check=True, capture_output=True)
    found = json.loads(done.stdout)
    return found["seen"], found["ms"]
