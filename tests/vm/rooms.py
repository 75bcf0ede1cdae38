"""The rooms that the box is told to be, and what their lines do."""

SETTLE_S = {5: 1.0, 6: 1.5, 13: 0.5}  # by pin, in the order of the loads
LOADS = {5: 0, 6: 1, 13: 1}  # by pin: the level that energises; nobody's line falls to the other one
RELEASED = {pin: 1 - level for pin, level in LOADS.items()}
HOLD_S = 1.0
OFF_PACE_S = 1.0  # as agent/core/power.py has it, and the issue


def room(restore: str = "last", pins: tuple[int, int, int] = (5, 6, 13), led: int = 27) -> str:
    """A codec, a display and an amplifier. Nothing is proven and no camera is looked for."""
    codec, display, amplifier = pins
    return f"""
[power]
button = {{ pin = 17, hold_s = {HOLD_S} }}
led = {{ pin = {led} }}
restore = "{restore}"
[[power.loads]]
name = "codec"
pin = {codec}
active_high = false
settle_s = {SETTLE_S[5]}
[[power.loads]]
name = "display"
pin = {display}
settle_s = {SETTLE_S[6]}
[[power.loads]]
name = "amplifier"
pin = {amplifier}
settle_s = {SETTLE_S[13]}
"""


ROOM = room()

DEBOUNCE_S = 0.03
# For the comparison with the bare loop: as fast up and down as a room may be.
ONE_LOAD = f"""
[power]
button = {{ pin = 17, hold_s = 0.5, ignore_after_switch_s = 0, debounce_s = {DEBOUNCE_S} }}
[[power.loads]]
name = "codec"
pin = 5
active_high = false
settle_s = 0
"""

CAMERA, MICROPHONE = "camera-main", "mic-table"
# The devices of guest/usb.py. Small frames: an emulated processor makes and looks at them.
DEVICES = f"""
[[checks]]
name = "{CAMERA}"
kind = "usb-camera"
usb = "046d:085e"
group = "display"
[[checks]]
name = "{MICROPHONE}"
kind = "usb-microphone"
usb = "0d8c:0014"
group = "audio"
[camera]
check = "{CAMERA}"
width = 160
height = 120
[headcount]
interval_s = 1
window_s = 10
cpu_share = 1.0
"""
ROOM_WITH_DEVICES = ROOM + DEVICES
