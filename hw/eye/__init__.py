"""The counting process. Frames live and die in here: what leaves is numbers (boxes, scores, times).

``client`` is the agent's side and never imports OpenCV; everything else runs in the eye's own process, or in
``diemcau count``, which is an eye that a person started.
"""

import os

# Before anything in here loads OpenCV, which reads them then: its own chatter and FFmpeg's go to standard error, where
# people expect one clear sentence. A person who wants the chatter sets them.
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
# Seconds that a stalled stream may block one read of a camera.
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "5")
