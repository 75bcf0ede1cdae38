#!/opt/diemcau/current/bin/python
"""In the machine: another program that streams from a camera, as a conference does, until SIGTERM.

streams.py NODE      a line on standard output when it has its first frame
"""

import sys
import time

import cv2

PACE_S = 0.2  # the buffers are its own all the time; taking every frame would only starve an emulated processor


def main(node: str) -> None:
    """Stream for ever."""
    capture = cv2.VideoCapture(node, cv2.CAP_V4L2)
    if not capture.grab():
        raise SystemExit(f"{node} gives no frames")
    print("streaming", flush=True)
    while capture.grab():
        time.sleep(PACE_S)
    raise SystemExit(f"{node} gives no more frames")


if __name__ == "__main__":
    main(*sys.argv[1:])
