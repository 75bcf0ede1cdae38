"""``--identity`` and ``--room``: what ``diemcau site add --out`` wrote, in the shapes in which it reaches a box."""

import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from agent.console.box_files import write_box
from agent.console.enrolment import Member
from agent.console.passwords import NewPassword
from agent.core.identity import parse_identity
from agent.installer import accounts, identity_files, identity_leftovers
from agent.installer.steps import InstallError, carry_out
from agent.installer.world import World
from tests.installer.root import machine, needs_root, tree

TEXT = """site = "chi-linh"
[broker]
url = "mqtts://broker.example:8883"
ca = "/etc/diemcau/ca.pem"
certificate = "/etc/diemcau/site.pem"
key = "/etc/diemcau/site.key"
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return machine(tmp_path / "root")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "điểm cầu chi-linh"
    folder.mkdir()
    (folder / "agent.toml").write_text(TEXT)
    for name in ("ca.pem", "site.pem", "site.key"):
        (folder / name).write_text(f"{name}\n")
    return folder


def packed(folder: Path, kind: str, tmp_path: Path) -> Path:
    if kind == "folder":
        return folder
    if kind == "file":
        return folder / "agent.toml"
    if kind == "renamed":
        return (folder / "agent.toml").rename(folder / "chi-linh.toml")
    return Path(shutil.make_archive(str(tmp_path / "chi-linh"), kind, folder.parent, folder.name))


@pytest.mark.parametrize("kind", ["folder", "file", "renamed", "tar", "gztar", "zip"])
def test_every_shape_is_read(world: World, folder: Path, tmp_path: Path, kind: str) -> None:
    read = identity_files.read(world, packed(folder, kind, tmp_path))
    assert read.site == "chi-linh"
    assert {(file.absolute, file.data, file.is_secret) for file in read.named} == {
        ("/etc/diemcau/ca.pem", b"ca.pem\n", False),
        ("/etc/diemcau/site.pem", b"site.pem\n", False),
        ("/etc/diemcau/site.key", b"site.key\n", True),
    }


@needs_root
def test_the_key_is_for_the_service_alone(world: World, folder: Path) -> None:
    carry_out(accounts.steps(world), print)
    carry_out(identity_files.steps(world, folder, None), print)
    about = {path.name: path.stat() for path in world.path("/etc/diemcau").iterdir()}
    assert (about["site.key"].st_uid, about["site.key"].st_mode & 0o777) == (accounts.owner(world)()[0], 0o600)
    assert {about[name].st_mode & 0o777 for name in ("agent.toml", "ca.pem", "site.pem")} == {0o644}
    parse_identity(world.path("/etc/diemcau/agent.toml").read_text(), "agent.toml")
    assert carry_out(identity_files.steps(world, folder, None), print) == 0, "twice is as good as once"


@needs_root
def test_another_identity_is_put_back_when_something_fails(world: World, folder: Path) -> None:
    carry_out(accounts.steps(world), print)
    carry_out(identity_files.steps(world, folder, None), print)
    before = tree(world)
    (folder / "agent.toml").write_text(TEXT.replace("chi-linh", "hai-duong"))
    (folder / "site.key").write_text("another\n")
    steps = identity_files.steps(world, folder, None)
    for step in steps:
        step.do()
    assert identity_files.site_of(world) == "hai-duong"
    for step in reversed(steps):
        step.undo()
    assert tree(world) == before


def files_of(world: World) -> set[str]:
    return {path.name for path in world.path("/etc/diemcau").iterdir()}


def test_what_proved_the_old_identity_goes_and_comes_back_with_it(world: World, folder: Path, tmp_path: Path) -> None:
    for name, text in {"agent.toml": TEXT.replace("site.key", "old.key"), "ca.pem": "", "old.key": "secret"}.items():
        world.write(f"/etc/diemcau/{name}", text.encode(), 0o600)
    world.write("/etc/diemcau/site.pem", b"certificate")
    world.write("/etc/diemcau/mine.key", b"not ours")
    before = tree(world)
    member = Member(id="hai-duong", role="site", name="Hải Dương")
    write_box(tmp_path / "out", member, NewPassword("secret", "hash"), "mqtts://b.example:8883", "the CA")
    steps = identity_leftovers.steps(world, tmp_path / "out")
    carry_out(steps, print)
    assert files_of(world) == {"agent.toml", "ca.pem", "mine.key"}
    for step in reversed(steps):
        step.undo()
    assert tree(world) == before


def test_what_the_new_identity_or_a_program_of_the_centre_names_stays(world: World, folder: Path) -> None:
    for name in ("site.pem", "site.key", "site.password"):
        world.write(f"/etc/diemcau/{name}", b"")
    world.write("/etc/diemcau/centre.toml", b'[broker]\npassword_file = "/etc/diemcau/site.password"\n')
    assert identity_leftovers.steps(world, folder) == []
    assert identity_leftovers.steps(world, None) == []


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_persons_identity_is_named_as_one(world: World, tmp_path: Path, kind: str) -> None:
    member = Member(id="lan", role="technician", name="Lan")
    write_box(tmp_path / "lan", member, NewPassword("secret", "hash"), "mqtts://b.example:8883", "the CA")
    with pytest.raises(InstallError, match=r"somebody at the centre \(centre.toml\), not a box's"):
        identity_files.read(world, tmp_path / "lan" if kind == "folder" else tmp_path / "lan/centre.toml")


def test_what_site_add_writes_for_a_box_with_a_password_is_taken(world: World, tmp_path: Path) -> None:
    member = Member(id="chi-linh", role="site", name="Chí Linh")
    write_box(tmp_path / "out", member, NewPassword("secret", "hash"), "mqtts://b.example:8883", "the CA")
    read = identity_files.read(world, tmp_path / "out")
    assert [(file.absolute, file.is_secret) for file in read.named] == [
        ("/etc/diemcau/ca.pem", False),
        ("/etc/diemcau/site.password", True),
    ]


def test_a_file_that_is_in_place_need_not_come_again(world: World, folder: Path) -> None:
    (folder / "ca.pem").unlink()
    world.write("/etc/diemcau/ca.pem", b"the CA")
    assert identity_files.read(world, folder).named[0].data is None


def test_an_editor_s_mark_at_the_beginning_is_left_out(world: World, folder: Path) -> None:
    (folder / "agent.toml").write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert identity_files.read(world, folder).text == TEXT.encode()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("site = ", "TOML"),
        ('site = "x"', "url"),
        (TEXT.replace('site = "chi-linh"', ""), "site"),
        (TEXT.replace('key = "/etc/diemcau/site.key"', ""), "belong together"),
        (TEXT.replace("site.pem", "other.pem"), "other.pem"),
        (TEXT.replace("/etc/diemcau/ca.pem", "/home/pi/ca.pem"), "/etc/diemcau"),
        (TEXT.replace("/etc/diemcau/ca.pem", "../ca.pem"), "/etc/diemcau"),
        ("a = " + "[" * 5000, "TOML"),
    ],
)
def test_what_would_not_work_is_refused_with_one_sentence(world: World, folder: Path, text: str, named: str) -> None:
    (folder / "agent.toml").write_text(text)
    with pytest.raises(InstallError, match=named) as refused:
        identity_files.read(world, folder)
    assert len(str(refused.value).splitlines()) == 1


def test_an_archive_cannot_lead_out_of_its_place(world: World, tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(TEXT)
    with tarfile.open(tmp_path / "bad.tar", "w") as tar:
        tar.add(tmp_path / "agent.toml", "../../agent.toml")
        link = tarfile.TarInfo("ca.pem")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/shadow"
        tar.addfile(link)
    with pytest.raises(InstallError, match=r"ca\.pem"):
        identity_files.read(world, tmp_path / "bad.tar")


@pytest.mark.parametrize("name", ["nothing.toml", "empty"])
def test_what_is_not_there_is_named(world: World, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InstallError, match=name):
        identity_files.read(world, tmp_path / name)


def test_a_zip_with_a_password_is_refused(world: World, folder: Path, tmp_path: Path) -> None:
    archive = packed(folder, "zip", tmp_path)
    raw = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as zipped:
        for info in zipped.infolist():
            raw[info.header_offset + 6] |= 1
    at = -1
    while (at := raw.find(b"PK\x01\x02", at + 1)) >= 0:
        raw[at + 8] |= 1
    archive.write_bytes(bytes(raw))
    with pytest.raises(InstallError, match="cannot be read"):
        identity_files.read(world, archive)


def test_a_room_has_to_be_toml(tmp_path: Path) -> None:
    (tmp_path / "room.toml").write_text("[power")
    with pytest.raises(InstallError, match=r"room\.toml.*TOML"):
        identity_files.read_room(tmp_path / "room.toml")
