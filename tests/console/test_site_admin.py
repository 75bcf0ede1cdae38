"""``diemcau site``: what it writes, what it says, and how it ends."""

import json
import os
import ssl
import stat
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.adapters.certificates import read_certificates
from agent.adapters.mosquitto import free_port
from agent.core.errors import quoted
from agent.core.identity import parse_centre, parse_identity

BROKER = ("--broker", "mqtts://broker.example:8883")


@dataclass
class Said:
    code: int
    out: str
    err: str


class Desk:
    """Where somebody types ``diemcau site``."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capfd = folder, capfd
        self.out, self.ca, self.broker = folder / "out", folder / "ca", folder / "broker"

    def __call__(self, *arguments: str) -> Said:
        places = ["--ca-folder", str(self.ca), "--broker-folder", str(self.broker)]
        places += ["--out", str(self.out)] if arguments[0] in ("add", "renew") else []
        self._capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["site", *arguments, *places])
        said = self._capfd.readouterr()
        assert "Traceback" not in said.err
        assert isinstance(ended.value.code, int)
        return Said(ended.value.code, said.out, said.err)

    def listed(self) -> dict[str, dict[str, object]]:
        document = json.loads(self("list", "--json").out)
        return {each["id"]: each for each in document["members"]}

    def files(self) -> dict[str, bytes]:
        return {str(each): each.read_bytes() for each in self.folder.rglob("*") if each.is_file()}


@pytest.fixture
def desk(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capfd)


def test_a_site_gets_a_folder_that_its_box_takes(desk: Desk) -> None:
    said = desk("add", "chi-linh", "--name", "Thị xã Chí Linh", *BROKER)
    assert said.code == 0
    assert said.out.startswith("chi-linh: ")
    folder = desk.out / "chi-linh"
    assert {each.name for each in folder.iterdir()} == {"agent.toml", "ca.pem", "site.key", "site.pem"}
    text = (folder / "agent.toml").read_text(encoding="utf-8")
    identity = parse_identity(text, "agent.toml")
    assert identity.site == "chi-linh"
    assert identity.broker.url == "mqtts://broker.example:8883"
    assert (identity.broker.ca, identity.broker.certificate, identity.broker.key) == (
        "/etc/diemcau/ca.pem", "/etc/diemcau/site.pem", "/etc/diemcau/site.key",
    )  # fmt: skip
    assert "Thị xã Chí Linh" in text
    assert stat.S_IMODE((folder / "site.key").stat().st_mode) == 0o600
    (own,) = read_certificates(folder / "site.pem")
    assert own.name == "chi-linh"
    assert own.is_for_clients
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.load_cert_chain(folder / "site.pem", folder / "site.key")


def test_what_to_do_next_is_said(desk: Desk) -> None:
    first, second = desk("add", "chi-linh", *BROKER), desk("add", "nam-sach")
    assert "/etc/mosquitto/conf.d/diemcau.conf" in first.err
    assert "systemctl restart mosquitto" in first.err
    assert "systemctl reload mosquitto" in second.err
    for said in (first, second):
        assert "/etc/diemcau/" in said.err
        assert all(line.startswith("diemcau: ") for line in said.err.splitlines())


@pytest.mark.parametrize("role", ["recorder", "viewer", "home", "operator", "technician"])
def test_the_centres_own_get_the_file_that_its_commands_read(desk: Desk, role: str) -> None:
    assert desk("add", "lan", "--role", role, *BROKER).code == 0
    centre = parse_centre((desk.out / "lan" / "centre.toml").read_text(encoding="utf-8"), "centre.toml")
    assert centre.broker.certificate == "/etc/diemcau/lan.pem"
    assert (desk.out / "lan" / "lan.key").exists()
    assert not (desk.out / "lan" / "agent.toml").exists()
    assert desk.listed()["lan"]["role"] == role


def test_the_broker_is_named_once(desk: Desk) -> None:
    said = desk("add", "chi-linh")
    assert said.code == 2
    assert "--broker" in said.err
    assert not (desk.ca / "ca.key").exists()
    assert desk("add", "chi-linh", *BROKER).code == 0
    assert desk("add", "nam-sach").code == 0
    assert "broker.example:8883" in (desk.out / "nam-sach" / "agent.toml").read_text()
    assert desk("add", "kinh-mon", "--broker", "mqtts://192.0.2.7").code == 0
    assert desk("add", "hai-ba-trung").code == 0
    assert "192.0.2.7" in (desk.out / "hai-ba-trung" / "agent.toml").read_text()


def test_mosquitto_listens_where_the_boxes_are_told_to_go(desk: Desk) -> None:
    assert desk("add", "chi-linh", "--broker", "mqtts://broker.example:9883").code == 0
    assert "\nlistener 9883\n" in (desk.broker / "mosquitto.conf").read_text()
    assert "broker.example:9883" in (desk.out / "chi-linh" / "agent.toml").read_text()
    assert "systemctl restart mosquitto" in desk("add", "nam-sach", *BROKER).err
    assert "\nlistener 8883\n" in (desk.broker / "mosquitto.conf").read_text()


def test_of_port_8884_is_told_where_it_matters(desk: Desk) -> None:
    desk("add", "chi-linh", *BROKER)
    desk("add", "lan", "--role", "operator")
    desk("add", "hue", "--role", "viewer", "--password")
    assert "cổng 8884" in desk("renew", "lan", "--revoke-old").err
    for arguments in (["renew", "lan"], ["renew", "chi-linh", "--revoke-old"], ["renew", "hue", "--revoke-old"]):
        assert "cổng 8884" not in desk(*arguments).err


def test_many_come_from_a_table(desk: Desk) -> None:
    table = desk.folder / "sites.csv"
    table.write_bytes("\ufeffid;name\r\nchi-linh;Thị xã Chí Linh\r\nnam-sach;Nam Sách\r\n".encode())
    said = desk("add", "--csv", str(table), "--json", *BROKER)
    assert said.code == 0
    assert [each["id"] for each in json.loads(said.out)["made"]] == ["chi-linh", "nam-sach"]
    assert desk.listed()["nam-sach"]["name"] == "Nam Sách"


def test_a_table_with_mistakes_changes_nothing_and_tells_them_all(desk: Desk) -> None:
    desk("add", "nam-sach", *BROKER)
    before = desk.files()
    table = desk.folder / "sites.csv"
    table.write_text("id,name\nchi-linh,A\n#,B\nnam-sach,C\nchi-linh,D\n")
    said = desk("add", "--csv", str(table))
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("diemcau: tệp cấu hình chưa đúng")
    assert len(said.err.splitlines()) == 1
    for line in ("line 3", "line 4", "line 5"):
        assert line in said.err
    table.unlink()
    assert desk.files() == before


@pytest.mark.parametrize("id_", ["#", "+", "$SYS", "a/b", "Chi-Linh", "_all", "a" * 64, "a\x1b[2J"])
def test_ids_that_are_none_are_refused_before_anything_is_made(desk: Desk, id_: str) -> None:
    said = desk("add", "chi-linh", id_, *BROKER)
    assert (said.code, said.out) == (2, "")
    assert said.err.rstrip("\n").isprintable()
    assert quoted(id_) in said.err
    assert not list(desk.folder.rglob("*"))


def test_who_is_enrolled_is_not_enrolled_again_whatever_the_role(desk: Desk) -> None:
    desk("add", "chi-linh", *BROKER)
    before = desk.files()
    said = desk("add", "chi-linh", "--role", "viewer")
    assert said.code == 1
    assert "diemcau site renew chi-linh" in said.err
    assert desk.files() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["add"],
        ["add", "a", "--csv", "x.csv"],
        ["add", "a", "b", "--name", "both"],
        ["add", "a", "--role", "boss"],
        ["add", "a", "--days", "0"],
        ["add", "a", "--broker", "mqtt://127.0.0.1"],
        ["add", "a", "--broker", "mqtt://broker.example"],
        ["add", "a", "--broker", "mqtts://máy-chủ.example"],
        ["add", "a", "--broker", "https://broker.example"],
        ["add", "a", "--broker", "mqtts://user:s3cret-word@broker.example"],
        ["add", "a", "--broker", "mqtts://broker.example:8884"],
        ["add", "a", "--broker", "mqtts://broker.example:8885"],
        ["add", "a", *BROKER, "--host", "broker.example:8883"],
        ["renew"],
        ["revoke", "#"],
        ["nothing"],
    ],
)
def test_wrong_use_is_told_and_leaves_nothing(desk: Desk, arguments: list[str]) -> None:
    said = desk(*arguments)
    assert (said.code, said.out) == (2, "")
    assert "lệnh chưa đúng" in said.err
    assert "s3cret-word" not in said.err
    assert not desk.ca.exists()


@pytest.mark.parametrize("arguments", [["renew", "a"], ["revoke", "a"], ["list"]])
def test_without_an_authority_there_is_one_sentence(desk: Desk, arguments: list[str]) -> None:
    said = desk(*arguments)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("diemcau: chưa có CA")
    assert not (desk.ca / "ca.key").exists()


def test_a_list_tells_who_until_when_and_who_was_revoked(desk: Desk) -> None:
    desk("add", "chi-linh", "--days", "20", "--name", "Chí Linh", *BROKER)
    desk("add", "hue", "--role", "viewer")
    desk("revoke", "hue")
    rows = desk.listed()
    assert rows["chi-linh"]["days_left"] == 19
    assert rows["chi-linh"]["revoked_at"] is None
    assert str(rows["hue"]["revoked_at"]).endswith("Z")
    for key in ("id", "name", "role", "expires", "serial"):
        assert rows["chi-linh"][key]
    for_people = desk("list").out
    assert "chi-linh" in for_people
    assert "Thu hồi" in for_people
    assert "máy chủ / broker: đến / until 20" in for_people


def test_renewing_makes_a_new_key_and_takes_the_old_certificate_back_only_when_told(desk: Desk) -> None:
    desk("add", "chi-linh", *BROKER)
    key, serial = (desk.out / "chi-linh/site.key").read_text(), desk.listed()["chi-linh"]["serial"]
    assert desk("renew", "chi-linh").code == 0
    assert (desk.out / "chi-linh/site.key").read_text() != key
    assert desk.listed()["chi-linh"]["serial"] != serial
    assert revoked_in(desk) == []
    said = desk("renew", "chi-linh", "--revoke-old", "--json")
    assert json.loads(said.out)["made"][0]["id"] == "chi-linh"
    assert "systemctl reload mosquitto" in said.err
    assert len(revoked_in(desk)) == 2
    assert "user chi-linh" in (desk.broker / "acl").read_text()


def test_revoking_takes_rights_and_certificates_and_says_what_is_still_to_do(desk: Desk) -> None:
    desk("add", "chi-linh", "nam-sach", *BROKER)
    said = desk("revoke", "chi-linh")
    assert said.code == 0
    assert said.out == "chi-linh: đã thu hồi / revoked\n"
    assert "systemctl reload mosquitto" in said.err
    assert "systemctl restart mosquitto" in said.err
    assert len(revoked_in(desk)) == 1
    acl = (desk.broker / "acl").read_text()
    assert "chi-linh" not in acl
    assert "user nam-sach" in acl
    said = desk("renew", "chi-linh")
    assert said.code == 1
    assert "diemcau site add chi-linh" in said.err
    assert desk("add", "chi-linh").code == 0
    assert len(revoked_in(desk)) == 1


def test_revoking_again_mends_what_a_power_cut_left(desk: Desk) -> None:
    desk("add", "chi-linh", *BROKER)
    before = {each: (desk.broker / each).read_bytes() for each in ("acl", "crl.pem")}
    desk("revoke", "chi-linh")
    at = desk.listed()["chi-linh"]["revoked_at"]
    for name, content in before.items():
        (desk.broker / name).write_bytes(content)
    assert desk("revoke", "chi-linh").code == 0
    assert "chi-linh" not in (desk.broker / "acl").read_text()
    assert len(revoked_in(desk)) == 1
    assert desk.listed()["chi-linh"]["revoked_at"] == at


def test_nobody_can_be_revoked_who_is_not_there(desk: Desk) -> None:
    desk("add", "chi-linh", *BROKER)
    said = desk("revoke", "nam-sach")
    assert said.code == 1
    assert "diemcau site list" in said.err


def test_what_a_power_cut_left_without_files_can_be_made_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.console import site_output

    def cut(*_: object) -> None:
        raise OSError(28, "No space left on device", "/somewhere")

    desk("add", "nam-sach", *BROKER)
    with monkeypatch.context() as patch:
        patch.setattr(site_output, "write_box", cut)
        said = desk("add", "chi-linh")
        assert said.code == 1
        assert "diemcau site renew chi-linh" in said.err
    assert "chi-linh" in desk.listed()  # so it can be revoked
    assert desk("renew", "chi-linh").code == 0
    assert "user chi-linh" in (desk.broker / "acl").read_text()


def test_a_box_without_a_certificate_gets_a_password_that_it_takes(desk: Desk) -> None:
    said = desk("add", "kinh-mon", "--password", *BROKER)
    assert said.code == 0
    assert "mật khẩu / password" in said.out
    folder = desk.out / "kinh-mon"
    assert {each.name for each in folder.iterdir()} == {"agent.toml", "ca.pem", "site.password"}
    identity = parse_identity((folder / "agent.toml").read_text(), "agent.toml")
    assert identity.broker.url == "mqtts://broker.example:8885"
    assert identity.broker.ca == "/etc/diemcau/ca.pem"
    assert (identity.broker.username, identity.broker.password_file) == ("kinh-mon", "/etc/diemcau/site.password")
    assert (identity.broker.certificate, identity.broker.key) == ("", "")
    assert stat.S_IMODE((folder / "site.password").stat().st_mode) == 0o600
    secret = (folder / "site.password").read_text().strip()
    assert len(secret) >= 40
    user, _, hashed = (desk.broker / "passwords").read_text().strip().partition(":")
    assert user == "kinh-mon"
    assert hashed.startswith("$7$")
    row = desk.listed()["kinh-mon"]
    assert (row["proof"], row["expires"], row["days_left"], row["serial"]) == ("password", None, None, None)
    assert "password" in desk("list").out


def test_a_password_is_renewed_and_taken_back_like_a_certificate(desk: Desk) -> None:
    desk("add", "--password", "kinh-mon", *BROKER)
    before, hashed = (desk.out / "kinh-mon/site.password").read_text(), (desk.broker / "passwords").read_text()
    said = desk("renew", "kinh-mon")
    assert said.code == 0
    assert "the old password ends" in said.err
    assert (desk.out / "kinh-mon/site.password").read_text() != before
    assert (desk.broker / "passwords").read_text() != hashed
    assert desk("revoke", "kinh-mon").code == 0
    assert (desk.broker / "passwords").read_text() == ""
    assert desk.listed()["kinh-mon"]["proof"] is None
    assert desk("add", "kinh-mon").code == 0  # by certificate this time
    assert desk.listed()["kinh-mon"]["proof"] == "certificate"
    assert (desk.broker / "passwords").read_text() == ""


def test_who_was_revoked_may_come_back_with_a_password(desk: Desk) -> None:
    desk("add", "chi-linh", *BROKER)
    desk("revoke", "chi-linh")
    assert desk("add", "chi-linh", "--password").code == 0
    assert desk.listed()["chi-linh"]["proof"] == "password"
    assert len(revoked_in(desk)) == 1
    assert desk("revoke", "chi-linh").code == 0
    assert len(revoked_in(desk)) == 1


def test_a_reload_that_fails_is_one_sentence_and_the_files_are_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk("add", "chi-linh", "--broker", f"mqtts://127.0.0.1:{free_port()}")
    sentences = {
        "echo no such unit >&2; exit 5": "no such unit",
        "exit 0": "the open connection may still be there: restart it",  # the broker is somewhere else
        None: "run `sudo systemctl reload mosquitto`",
    }
    for program, sentence in sentences.items():
        folder = desk.folder / f"bin{len(program or '')}"
        folder.mkdir()
        if program is not None:
            (folder / "systemctl").write_text(f"#!/bin/sh\n{program}\n")
            (folder / "systemctl").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        said = desk("revoke", "chi-linh", "--reload")
        assert said.code == 1
        assert sentence in said.err
        assert len(said.err.splitlines()) == 1
        assert "chi-linh" not in (desk.broker / "acl").read_text()


def test_no_secret_is_printed_or_written_but_into_files_of_its_own(desk: Desk) -> None:
    said = [
        desk("add", "chi-linh", "nam-sach", *BROKER),
        desk("add", "kinh-mon", "--password"),
        desk("add", "thu", "--password", "--role", "viewer", "--json"),
        desk("add", "hue", "--role", "viewer", "--json"),
        desk("renew", "chi-linh", "--revoke-old"),
        desk("revoke", "hue", "--json"),
        desk("list"),
        desk("list", "--json"),
    ]
    (desk.ca / "ca.pem").rename(desk.folder / "kept.pem")
    said.append(desk("list"))
    (desk.ca / "ca.pem").write_bytes((desk.out / "hue" / "hue.pem").read_bytes())
    said.append(desk("list"))
    assert [each.code for each in said] == [0] * 8 + [1] * 2
    files = [each for each in desk.folder.rglob("*") if each.is_file()]
    keys = [each for each in files if each.suffix in (".key", ".password")]
    bodies = [line for each in keys for line in each.read_text().splitlines() if not line.startswith("-")]
    assert len(keys) == 7
    texts = [each.read_text() for each in files if each not in keys] + [each.out + each.err for each in said]
    for text in texts:
        assert "PRIVATE KEY" not in text
        assert not [line for line in bodies if line in text]
    hashes = [line.partition(":")[2] for line in (desk.broker / "passwords").read_text().splitlines()]
    assert len(hashes) == 2
    assert not [each for each in said for hashed in hashes if hashed in each.out + each.err]
    assert {stat.S_IMODE(each.stat().st_mode) & 0o007 for each in [*keys, desk.broker / "passwords"]} == {0}
    assert {stat.S_IMODE(each.stat().st_mode) for each in desk.out.rglob("*.password")} == {0o600}


def test_no_object_shows_its_secret() -> None:
    from agent.console.enrolment import Member, Password
    from agent.console.passwords import new_password

    made = new_password()
    kept = Password(hash=made.hash, issued_at=datetime.now(UTC))
    for shown in (made, kept, Member(id="kinh-mon", role="site", password=kept)):
        for text in (repr(shown), str(shown)):
            assert made.secret not in text
            assert made.hash not in text
    assert new_password().secret != made.secret


@pytest.mark.parametrize("command", [[], ["add"], ["list"], ["renew"], ["revoke"]])
def test_every_command_explains_itself(command: list[str]) -> None:
    argv = [sys.executable, "-m", "agent", "site", *command, "--help"]
    result = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0
    assert "Usage: diemcau site" in result.stdout
    assert " / " in result.stdout


def revoked_in(desk: Desk) -> list[int]:
    from cryptography import x509

    return [each.serial_number for each in x509.load_pem_x509_crl((desk.broker / "crl.pem").read_bytes())]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
def test_without_a_right_sudo_is_proposed(desk: Desk) -> None:
    desk.folder.chmod(0o500)
    said = desk("add", "chi-linh", *BROKER)
    desk.folder.chmod(0o700)
    assert said.code == 1
    assert "use sudo" in said.err


def test_the_rights_are_written_again_and_nothing_else_changes(desk: Desk) -> None:
    assert desk("rights").code == 1, "there is no authority yet, and none is made for that"
    desk("add", "chi-linh", *BROKER)
    assert desk("rights", "--check").code == 0
    before, acl = desk.files(), desk.broker / "acl"
    acl.write_text(acl.read_text().replace("topic write diemcau/v1/chi-linh/power\n", ""))
    changed = desk.files()
    assert desk("rights", "--check").code == 1
    assert desk.files() == changed
    said = desk("rights")
    assert (said.code, "systemctl reload" in said.err) == (0, True)
    lists = {str(folder / "crl.pem") for folder in (desk.ca, desk.broker)}  # each list has a number of its own
    assert {k: v for k, v in desk.files().items() if k not in lists} == {
        k: v for k, v in before.items() if k not in lists
    }
    (desk.broker / "mosquitto.conf").unlink()
    assert "systemctl restart" in desk("rights").err
