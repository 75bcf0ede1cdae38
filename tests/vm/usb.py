"""Orders to what runs in the machine for its USB devices: a camera and a microphone that come and go, and frames."""

from tests.vm.box import TEST


def plug(what: str) -> str:
    """Put its cable in."""
    return f"python3 {TEST}/usb.py plug {what}"


def unplug(what: str) -> str:
    """Pull its cable."""
    return f"python3 {TEST}/usb.py unplug {what}"


def frames(order: str) -> str:
    """See guest/frames.py."""
    return f"python3 {TEST}/frames.py {order}"
