"""hw/disk.py: a disk that has given up is known, by looking without a trace or by one file that is written once."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw import disk
from hw.disk import MARK, DiskSeen, is_read_only, look_at_disk
from hw.host import PsutilHost


def test_a_disk_that_works_has_room_and_no_file_more(tmp_path: Path) -> None:
    (tmp_path / "room.json").write_text("{}")
    seen = look_at_disk(tmp_path)
    assert seen is not None
    assert not seen.is_read_only
    assert abs(seen.free_bytes - shutil.disk_usage(tmp_path).free) < 1 << 30
    assert [path.name for path in tmp_path.iterdir()] == ["room.json"]


def test_a_disk_that_has_given_up_says_so_among_its_mounts_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path.stat().st_dev
    mounts = tmp_path / "mountinfo"
    numbers = f"{os.major(device)}:{os.minor(device)}"
    mounts.write_text(f"21 1 {numbers} / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw,emergency_ro\n")
    monkeypatch.setattr(disk, "MOUNTS", mounts)
    seen = look_at_disk(tmp_path)
    assert seen is not None
    assert seen.is_read_only


def test_a_read_only_one_is_told_and_a_missing_one_is_none(tmp_path: Path) -> None:
    assert look_at_disk(tmp_path / "none") is None
    read_only = next((Path(p) for p in ("/sys", "/proc/sys") if os.statvfs(p).f_flag & os.ST_RDONLY), None)
    if read_only is None:
        pytest.skip("needs a read-only mount")
    seen = look_at_disk(read_only)
    assert seen is not None
    assert seen.is_read_only


def broken(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on every look at a filesystem ends with this error."""

    def statvfs(_: object) -> os.statvfs_result:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "statvfs", statvfs)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENODATA, errno.ETIMEDOUT, errno.ENODEV])
def test_a_disk_that_dies_and_answers_nothing_more_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    broken(number, monkeypatch)
    assert look_at_disk(tmp_path) == DiskSeen(None, is_read_only=True)
    figures = PsutilHost(tmp_path).read()
    assert (figures["disk_free_bytes"], figures["disk_read_only"]) == (None, True)


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENOTDIR])
def test_where_there_is_no_folder_nothing_is_said_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    broken(number, monkeypatch)
    assert (look_at_disk(tmp_path), is_read_only(tmp_path)) == (None, None)


@pytest.mark.parametrize(
    ("number", "is_the_disks"),
    [
        *((each, True) for each in (errno.EIO, errno.EROFS, errno.ENODATA, errno.EREMOTEIO, errno.ETIMEDOUT)),
        *((each, False) for each in (errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOSPC)),
    ],
)
def test_of_a_file_that_cannot_be_opened_the_disk_is_to_blame_or_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, is_the_disks: bool
) -> None:
    (tmp_path / "agent.db").touch()
    real = os.open

    def refuse(path: object, *rest: int) -> int:
        if str(path).startswith(str(tmp_path)):
            raise OSError(number, os.strerror(number))
        return real(path, *rest)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(os, "open", refuse)
    seen = look_at_disk(tmp_path)
    assert seen is not None
    assert (seen.is_read_only, is_read_only(tmp_path)) == (is_the_disks, is_the_disks)


def test_a_folder_that_may_not_be_looked_into_says_nothing_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(errno.EACCES, monkeypatch)
    assert (look_at_disk(tmp_path), is_read_only(tmp_path)) == (None, True)


# A disk that cannot be written


def run(*words: str | Path) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs root and loop devices: {done.stderr.strip()[:200]}")


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Path]:
    """A small ext4 filesystem, mounted as a box mounts its card."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a filesystem")
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("needs mkfs.ext4 (apt install e2fsprogs)")
    image, folder = tmp_path / "card.img", tmp_path / "card"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    run("mkfs.ext4", "-q", image)
    run("mount", "-o", "loop,errors=remount-ro", image, folder)
    yield folder
    subprocess.run(["umount", folder], capture_output=True, check=True)


def test_a_disk_that_is_mounted_read_only_is(card: Path) -> None:
    assert PsutilHost(card).read()["disk_read_only"] is False
    run("mount", "-o", "remount,ro", card)
    assert PsutilHost(card).read()["disk_read_only"] is True
    run("mount", "-o", "remount,rw", card)
    assert PsutilHost(card).read()["disk_read_only"] is False


def test_a_disk_that_met_an_error_is_read_only_although_its_flag_may_not_say_so(card: Path) -> None:
    box = PsutilHost(card)
    assert box.read()["disk_read_only"] is False
    device = card.stat().st_dev
    name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
    Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("a test")
    with pytest.raises(OSError, match=r"Read-only file system|Input/output error"):
        (card / "new").touch()
    assert box.read()["disk_read_only"] is True


def test_a_folder_that_somebody_else_owns_cannot_be_written(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    assert is_read_only(tmp_path) is True
    tmp_path.chmod(0o700)


def test_looking_again_and_again_writes_once(tmp_path: Path) -> None:
    assert is_read_only(tmp_path) is False
    first = [(each.name, each.stat().st_mtime_ns, each.stat().st_size) for each in tmp_path.iterdir()]
    assert is_read_only(tmp_path) is False
    assert [(each.name, each.stat().st_mtime_ns, each.stat().st_size) for each in tmp_path.iterdir()] == first
    assert [name for name, _, _ in first] == [MARK]


def test_a_mark_that_somebody_else_left_says_nothing(tmp_path: Path) -> None:
    (tmp_path / MARK).mkdir()
    assert is_read_only(tmp_path) is False


def test_where_the_kernel_lists_no_mounts_only_the_flag_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "MOUNTS", tmp_path / "none")
    assert is_read_only(tmp_path) is False
