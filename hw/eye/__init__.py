"""The counting process. Frames live and die in here: what leaves is numbers (boxes, scores, times).

``client`` is the agent's side and never imports OpenCV; everything else runs in the eye's own process, or in
``diemcau count``, which is an eye that a person started.
"""
