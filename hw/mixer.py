"""Is a microphone muted, where its sound card's mixer tells? Asked through ALSA's control device, never a PCM: a
conference may be recording from it, and reading the controls disturbs nobody.

Three calls of the kernel's own interface instead of ``amixer``: its structures are what every ``alsa-lib`` is compiled
against and may not change, so this is a page of code. ``amixer`` would be one more package on the box, a process every
few seconds, and text to be taken apart that is made for people.

Source: ``include/uapi/sound/asound.h`` of the kernel; names of controls: its ``sound/designs/control-names``.
"""

import ctypes
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

DEVICES = Path("/dev/snd")
CAPTURE_SWITCH = "Capture Switch"
TYPE_BOOLEAN, ACCESS_READ = 1, 1 << 0
# A card of a mixing desk has some hundreds of controls.
ELEMENTS_MAX = 4096


class ElementId(ctypes.Structure):
    """``struct snd_ctl_elem_id``."""

    _fields_ = (
        ("numid", ctypes.c_uint),
        ("iface", ctypes.c_int),
        ("device", ctypes.c_uint),
        ("subdevice", ctypes.c_uint),
        ("name", ctypes.c_char * 44),
        ("index", ctypes.c_uint),
    )


class ElementList(ctypes.Structure):
    """``struct snd_ctl_elem_list``."""

    _fields_ = (
        ("offset", ctypes.c_uint),
        ("space", ctypes.c_uint),
        ("used", ctypes.c_uint),
        ("count", ctypes.c_uint),
        ("pids", ctypes.c_void_p),
        ("reserved", ctypes.c_ubyte * 50),
    )


class ElementInfo(ctypes.Structure):
    """``struct snd_ctl_elem_info``; the limits of the value, a union, are not looked at."""

    _fields_ = (
        ("id", ElementId),
        ("type", ctypes.c_int),
        ("access", ctypes.c_uint),
        ("count", ctypes.c_uint),
        ("owner", ctypes.c_int),
        ("limits", ctypes.c_longlong * 16),
        ("reserved", ctypes.c_ubyte * 64),
    )


class _Value(ctypes.Union):
    _fields_ = (("integer", ctypes.c_long * 128), ("integer64", ctypes.c_longlong * 64))


class ElementValue(ctypes.Structure):
    """``struct snd_ctl_elem_value``; a boolean has one ``integer`` for each channel."""

    _fields_ = (
        ("id", ElementId),
        ("indirect", ctypes.c_uint),
        ("value", _Value),
        ("reserved", ctypes.c_ubyte * 128),
    )


def _iowr(number: int, argument: type[ctypes.Structure]) -> int:
    """``_IOWR('U', number, argument)``. Source: ``asm-generic/ioctl.h``; the same on x86 and ARM."""
    return 3 << 30 | ctypes.sizeof(argument) << 16 | ord("U") << 8 | number


ELEM_LIST, ELEM_INFO, ELEM_READ = _iowr(0x10, ElementList), _iowr(0x11, ElementInfo), _iowr(0x12, ElementValue)


def is_muted(card: int, devices: Path = DEVICES) -> bool | None:
    """Whether the mixer of sound card ``card`` lets no sound in.

    Returns:
        None where the card has no such switch, has gone, or may not be asked (group ``audio``).

    Thread: any; some microseconds, and a USB transfer where the kernel does not know the switch yet.
    """
    try:
        control = os.open(devices / f"controlC{card}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return all_off(_readable(control, each) for each in _elements(control) if is_capture_switch(each))
    except OSError:
        return None
    finally:
        os.close(control)


def is_capture_switch(element: ElementId) -> bool:
    """Whether a control is a switch before what is recorded: ``Mic Capture Switch``, or just ``Capture Switch``."""
    name: bytes = element.name
    return f" {name.decode('ascii', 'replace')}".endswith(f" {CAPTURE_SWITCH}")


def all_off(switches: Iterable[tuple[bool, ...]]) -> bool | None:
    """True when no channel of any switch lets sound through: of the inputs of a desk one that is open is enough, and
    nobody should be sent to a microphone that works. None when there is no switch.
    """
    channels = [channel for switch in switches for channel in switch]
    return not any(channels) if channels else None


def _elements(control: int) -> list[ElementId]:
    listed = ElementList()
    fcntl.ioctl(control, ELEM_LIST, listed)  # without space it only counts
    room = min(listed.count, ELEMENTS_MAX)
    ids = (ElementId * room)()
    listed.space, listed.pids = room, ctypes.addressof(ids)
    fcntl.ioctl(control, ELEM_LIST, listed)
    return list(ids[: listed.used])


def _readable(control: int, element: ElementId) -> tuple[bool, ...]:
    """A switch's channels; none where it fails: some devices have one that stalls, and the others still count."""
    try:
        return _channels(control, element)
    except OSError:
        return ()


def _channels(control: int, element: ElementId) -> tuple[bool, ...]:
    """What a switch's channels say: True lets sound through. None of them where it is no boolean that can be read."""
    info = ElementInfo(id=element)
    fcntl.ioctl(control, ELEM_INFO, info)
    if info.type != TYPE_BOOLEAN or not info.access & ACCESS_READ:
        return ()
    value = ElementValue(id=element)
    fcntl.ioctl(control, ELEM_READ, value)
    return channels_of(info, value)


def channels_of(info: ElementInfo, value: ElementValue) -> tuple[bool, ...]:
    """A boolean control's channels, from what the kernel filled in."""
    return tuple(bool(each) for each in value.value.integer[: info.count])
