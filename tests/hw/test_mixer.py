"""hw/mixer.py: the kernel's structures, as its own header has them, and a real card where there is one."""

import ctypes
import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw import mixer
from hw.mixer import (
    ElementId,
    ElementInfo,
    ElementList,
    ElementValue,
    all_off,
    channels_of,
    is_capture_switch,
    is_muted,
)

HEADER = Path("/usr/include/sound/asound.h")
NUMBERS = """
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sound/asound.h>
#define SIZE(t) printf("%zu ", sizeof(t))
#define AT(t, m) printf("%zu ", offsetof(t, m))
int main(void) {
    SIZE(struct snd_ctl_elem_id); SIZE(struct snd_ctl_elem_list);
    SIZE(struct snd_ctl_elem_info); SIZE(struct snd_ctl_elem_value);
    AT(struct snd_ctl_elem_id, name); AT(struct snd_ctl_elem_list, pids); AT(struct snd_ctl_elem_info, type);
    AT(struct snd_ctl_elem_info, count); AT(struct snd_ctl_elem_info, value); AT(struct snd_ctl_elem_value, value);
    printf("%u %u %u ", (unsigned)SNDRV_CTL_IOCTL_ELEM_LIST, (unsigned)SNDRV_CTL_IOCTL_ELEM_INFO,
           (unsigned)SNDRV_CTL_IOCTL_ELEM_READ);
    printf("%d %d", SNDRV_CTL_ELEM_TYPE_BOOLEAN, SNDRV_CTL_ELEM_ACCESS_READ);
}
"""
# What the kernel fills in for a switch of two channels, of which the second is on.
ANSWER = """
#include <stdio.h>
#include <string.h>
#include <sound/asound.h>
int main(void) {
    struct snd_ctl_elem_info info;
    struct snd_ctl_elem_value value;
    memset(&info, 0, sizeof(info));
    memset(&value, 0, sizeof(value));
    strcpy((char *)info.id.name, "Mic Capture Switch");
    info.id.numid = 7;
    info.id.iface = SNDRV_CTL_ELEM_IFACE_MIXER;
    info.type = SNDRV_CTL_ELEM_TYPE_BOOLEAN;
    info.access = SNDRV_CTL_ELEM_ACCESS_READWRITE;
    info.count = 2;
    info.value.integer.max = 1;
    value.id = info.id;
    value.value.integer.value[1] = 1;
    fwrite(&info, sizeof(info), 1, stdout);
    fwrite(&value, sizeof(value), 1, stdout);
}
"""


def compiled(source: str, folder: Path) -> bytes:
    """What a C program prints."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or not HEADER.exists():
        pytest.skip("needs a C compiler and the kernel's header sound/asound.h (apt install gcc linux-libc-dev)")
    (folder / "answer.c").write_text(source)
    subprocess.run([compiler, "-o", folder / "answer", folder / "answer.c"], check=True, capture_output=True)
    return subprocess.run([folder / "answer"], check=True, capture_output=True).stdout


def test_sizes_and_numbers_are_those_of_the_kernels_header(tmp_path: Path) -> None:
    sizes = [ctypes.sizeof(each) for each in (ElementId, ElementList, ElementInfo, ElementValue)]
    places = [ElementId.name, ElementList.pids, ElementInfo.type, ElementInfo.count]
    places += [ElementInfo.limits, ElementValue.value]
    calls = [mixer.ELEM_LIST, mixer.ELEM_INFO, mixer.ELEM_READ]
    ours = [*sizes, *(place.offset for place in places), *calls, mixer.TYPE_BOOLEAN, mixer.ACCESS_READ]
    assert [int(word) for word in compiled(NUMBERS, tmp_path).split()] == ours


def test_an_answer_of_the_kernel_is_read_channel_by_channel(tmp_path: Path) -> None:
    raw = compiled(ANSWER, tmp_path)
    info = ElementInfo.from_buffer_copy(raw)
    value = ElementValue.from_buffer_copy(raw[ctypes.sizeof(ElementInfo) :])
    assert (info.id.numid, info.id.name) == (7, b"Mic Capture Switch")
    assert is_capture_switch(value.id)
    assert channels_of(info, value) == (False, True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"Mic Capture Switch", True),
        (b"Capture Switch", True),
        (b"Headset Capture Switch", True),
        (b"Mic Playback Switch", False),
        (b"Mic Capture Volume", False),
        (b"NoCapture Switch", False),
        (b"\xff Capture Switch", True),
        (b"", False),
    ],
)
def test_only_a_switch_before_what_is_recorded_counts(name: bytes, expected: bool) -> None:
    assert is_capture_switch(ElementId(name=name)) is expected


@pytest.mark.parametrize(
    ("switches", "muted"),
    [
        ([], None),
        ([()], None),
        ([(False,)], True),
        ([(True,)], False),
        ([(False, True)], False),
        ([(False, False), (False,)], True),
        ([(False, False), (True,)], False),
    ],
)
def test_a_card_is_muted_when_nothing_lets_sound_through(switches: list[tuple[bool, ...]], muted: bool | None) -> None:
    assert all_off(switches) is muted


def test_a_card_that_is_not_there_or_is_none_does_not_tell(tmp_path: Path) -> None:
    assert is_muted(0, tmp_path) is None
    (tmp_path / "controlC0").write_bytes(b"")  # a file knows no ioctl
    assert is_muted(0, tmp_path) is None


@pytest.mark.parametrize(
    ("switches", "muted"),
    [
        ([OSError(), (False,)], True),
        ([(False,), OSError(), (True,)], False),
        ([OSError(), OSError()], None),
    ],
)
def test_a_switch_that_cannot_be_read_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switches: list[tuple[bool, ...] | OSError], muted: bool | None
) -> None:
    def channels(_: int, element: ElementId) -> tuple[bool, ...]:
        answer = switches[element.numid]
        if isinstance(answer, OSError):
            raise answer
        return answer

    (tmp_path / "controlC0").write_bytes(b"")
    elements = [ElementId(numid=number, name=b"Mic Capture Switch") for number in range(len(switches))]
    monkeypatch.setattr(mixer, "_elements", lambda _: elements)
    monkeypatch.setattr(mixer, "_channels", channels)
    assert is_muted(0, tmp_path) is muted


# A real card


def dummy_card() -> int | None:
    """The number of the kernel's dummy sound card."""
    cards = Path("/proc/asound/cards")
    found = re.search(r"^ *(\d+) \[Dummy", cards.read_text() if cards.exists() else "", re.MULTILINE)
    return int(found[1]) if found else None


@pytest.fixture
def card() -> Iterator[int]:
    """The dummy card, with every capture switch off; it is loaded for this test where it was not there."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for the kernel module snd-dummy")
    was_there = dummy_card() is not None
    if not was_there and shutil.which("modprobe"):
        subprocess.run(["modprobe", "snd-dummy"], capture_output=True, check=False)
    number = dummy_card()
    if number is None:
        pytest.skip("needs the kernel module snd-dummy")
    yield number
    if not was_there:
        subprocess.run(["modprobe", "-r", "snd-dummy"], capture_output=True, check=False)


def turn(card: int, switches: dict[bytes, tuple[bool, ...]]) -> None:
    """What a person does at the mixer: the named switches as given, every other capture switch off."""
    write = mixer._iowr(0x13, ElementValue)  # SNDRV_CTL_IOCTL_ELEM_WRITE
    control = os.open(f"/dev/snd/controlC{card}", os.O_RDWR)
    for element in mixer._elements(control):
        if is_capture_switch(element):
            value = ElementValue(id=element)
            for number, channel in enumerate(switches.get(element.name, ())):
                value.value.integer[number] = channel
            fcntl.ioctl(control, write, value)
    os.close(control)


def test_a_real_mixer_is_read_and_what_a_person_does_there_shows(card: int) -> None:
    turn(card, {})
    assert is_muted(card) is True
    turn(card, {b"Mic Capture Switch": (True, True)})
    assert is_muted(card) is False
    turn(card, {b"Mic Capture Switch": (False, True)})
    assert is_muted(card) is False
    turn(card, {})
    assert is_muted(card) is True


def test_a_card_that_records_can_be_asked_at_the_same_time(card: int) -> None:
    """A conference has the PCM; the control device is another one, and any number of programs may open it."""
    pcm = os.open(f"/dev/snd/pcmC{card}D0c", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert is_muted(card) in (True, False)
    finally:
        os.close(pcm)
