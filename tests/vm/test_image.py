"""``image``: made once, made anew for a reason, kept apart; with a stand-in for ``build.sh``. Needs no machine."""

import os
import platform
from pathlib import Path

import pytest

from tests.vm import image
from tests.vm.image import ImageError, provide

BUILDS = """#!/bin/sh
mkdir -p "$1" && echo "$@" >"$1/disk.raw" && echo "$*" >>"$(dirname "$1")/builds"
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for images, on a machine that may have one, with a build that takes no time."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("DIEMCAU_VM_DIR", str(folder))
    monkeypatch.setattr(image, "_refuse_where_it_cannot_run", lambda: None)
    builds(tmp_path, monkeypatch, BUILDS)
    return folder


def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    stand_in = tmp_path / "build.sh"
    stand_in.write_text(script)
    stand_in.chmod(0o755)
    monkeypatch.setattr(image, "BUILD", stand_in)


def built(cache: Path) -> int:
    return len((cache / "builds").read_text().splitlines())


def test_an_image_is_made_once(cache: Path) -> None:
    first = provide()
    assert first.disk.is_file()
    assert (provide(), built(cache)) == (first, 1)


def test_a_changed_build_or_lock_makes_another_one(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = provide()
    builds(tmp_path, monkeypatch, BUILDS + "# changed\n")
    second = provide()
    monkeypatch.setattr(image, "parts", lambda: [b"other wheels"])
    third = provide()
    assert len({first.folder, second.folder, third.folder}) == 3
    # The one before stays for whoever goes back; older ones go.
    assert [path.exists() for path in (first.folder, second.folder, third.folder)] == [False, True, True]


def test_a_build_that_fails_says_one_sentence_and_leaves_no_image(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds(tmp_path, monkeypatch, "#!/bin/sh\necho 'compiling failed' >&2\nexit 1\n")
    with pytest.raises(ImageError, match=r"^compiling failed$"):
        provide()
    builds(tmp_path, monkeypatch, BUILDS)
    assert provide().disk.is_file()


@pytest.mark.parametrize(
    ("name", "stand_in", "said"),
    [
        ("geteuid", lambda: 1000, "needs root"),
        ("_os_id", lambda: "ubuntu", "this is ubuntu"),
        ("PROGRAMS", {"no-such-program": "no-such-package"}, "apt-get install no-such-package"),
        ("SPACE_TO_RUN", 10**18, "GB are needed"),
    ],
)
def test_a_machine_that_cannot_have_one_is_told_why(
    monkeypatch: pytest.MonkeyPatch, name: str, stand_in: object, said: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(image, "_os_id", lambda: "debian")
    monkeypatch.setattr(image, "PROGRAMS", {})
    monkeypatch.setattr(os if name == "geteuid" else image, name, stand_in)
    with pytest.raises(ImageError, match=said):
        provide()
