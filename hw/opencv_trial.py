"""Does OpenCV start here? Tried in a process of its own: its libraries and its memory have no business in this one."""

import subprocess
import sys

# A Raspberry Pi with a slow card needs ten. Less than the doctor has for everything: it is to hear of one that hangs.
PATIENCE_S = 25.0
# -I: not whatever package lies in the current folder. -B: no compiled module is left behind.
COMMAND = (sys.executable, "-I", "-B", "-c", "import cv2; cv2.FaceDetectorYN; print(cv2.__version__)")


def opencv_trial(command: tuple[str, ...] = COMMAND) -> tuple[str | None, str]:
    """OpenCV's version, or None and the last line of what it complained about. Takes a second or some.

    Thread: any.
    """
    try:
        tried = subprocess.run(
            ["nice", *command],
            capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None, f"it did not start within {PATIENCE_S:.0f} s"
    except OSError as error:
        return None, str(error)
    lines = (tried.stdout if tried.returncode == 0 else tried.stderr).strip().splitlines()
    last = lines[-1] if lines else f"it ended with {tried.returncode}"
    return (last, "") if tried.returncode == 0 else (None, last)
