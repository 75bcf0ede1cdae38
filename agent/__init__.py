"""diemcau: the agent of one site (*điểm cầu*) of a video conference.

The rooms of this house; ``tests/test_architecture.py`` guards who may import whom.

================  ======================================================================================================
``core``          decides, touches nothing: state in, event in, new state and commands out
``adapters``      touch the broker, the disk, systemd and processes; they never decide
``console``       what people see: the command line, the live table, the demo
``runtime``       the one loop that owns the state: inbox, core, handlers, deadlines
``bootstrap``     the composition root: names concrete parts; ``eye_bootstrap`` is the eye's, ``doctor`` the doctor's
``hw`` (package)  touches wires and device nodes; ``hw.eye`` is the counting process
================  ======================================================================================================
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("diemcau")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0+checkout"
