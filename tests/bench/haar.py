"""Run by the Python of another environment, which has OpenCV 4: OpenCV 5 has no Haar cascades any more.

``python haar.py FRAMES.npy``: counts the faces of each frame; prints ``{"seen": [...], "ms": [...], "version": …}``.
"""

import json
import pathlib
import sys
import time

import cv2
import numpy as np


def main(path: str) -> None:
    """Count with OpenCV's own frontal cascade and the parameters of its tutorial, but for the smallest face."""
    cv2.setNumThreads(1)
    file = pathlib.Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"
    cascade = cv2.CascadeClassifier(str(file))
    seen, ms = [], []
    for frame in np.load(path, mmap_mode="r"):
        began_s = time.perf_counter()
        grey = cv2.equalizeHist(cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_BGR2GRAY))
        seen.append(len(cascade.detectMultiScale(grey, scaleFactor=1.1, minNeighbors=3, minSize=(8, 8))))
        ms.append((time.perf_counter() - began_s) * 1000)
    print(json.dumps({"seen": seen, "ms": ms, "version": cv2.__version__}))


if __name__ == "__main__":
    main(sys.argv[1])
