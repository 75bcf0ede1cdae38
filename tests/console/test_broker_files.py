"""What mosquitto reads. Whether it does what the contract says is seen in tests/faults/test_rights.py."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from agent.console import broker_files
from agent.console.authority import Authority, AuthorityError, open_or_make
from agent.console.broker_files import are_current, configuration, rights, server_expires, write_broker_files
from agent.console.enrolment import Credential, Member, Password, Register, Role, revoked

NOW = datetime(2012, 11, 20, 7, 30, tzinfo=UTC)


def member(id_: str, role: Role = "site", serial: str = "a1") -> Member:
    return Member(id=id_, role=role, credentials=(Credential(serial=serial, issued_at=NOW, expires=NOW),))


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return open_or_make(tmp_path / "ca")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "broker"


def hosts_of(folder: Path) -> set[str]:
    certificate = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(each.value) for each in names}


def test_rights_are_by_user_and_never_for_all() -> None:
    text = rights((member("chi-linh"), member("hue", "viewer")))
    assert "pattern" not in text
    first = text.index("user ")
    assert "topic" not in text[:first]
    assert text.count("\nuser ") == 2
    assert text.partition("\nuser hue\n")[2].strip().splitlines() == [
        "topic deny diemcau/v1/+/config/desired",
        "topic deny diemcau/v1/+/config/running",
        "topic read diemcau/v1/#",
    ]


def test_a_site_has_lines_for_nothing_but_its_own_and_what_is_for_all_sites() -> None:
    lines = rights((member("chi-linh"),)).strip().splitlines()[3:]
    assert len(lines) == 19
    foreign = [line for line in lines if "chi-linh" not in line]
    assert foreign == ["topic read diemcau/v1/_all/command", "topic read homeassistant/status"]
    assert not [line for line in lines if "#" in line or "+" in line]


def test_who_was_revoked_has_no_rights_and_stands_in_the_list(ca: Authority, folder: Path) -> None:
    register = Register(members=(member("chi-linh"), member("nam-sach", serial="b2")))
    gone = register.find("nam-sach")
    assert gone is not None
    write_broker_files(folder, ca, revoked(register, gone, NOW))
    assert "nam-sach" not in (folder / "acl").read_text()
    assert "user chi-linh" in (folder / "acl").read_text()
    crl = x509.load_pem_x509_crl((folder / "crl.pem").read_bytes())
    assert [each.serial_number for each in crl] == [0xB2]


def test_the_configuration_names_the_files_where_they_are(ca: Authority, folder: Path) -> None:
    write_broker_files(folder, ca, Register())
    text = (folder / "mosquitto.conf").read_text()
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key.endswith("file"):
            assert Path(value).parent == folder
            assert Path(value).exists()
    assert str(broker_files.FOLDER) not in text
    assert (folder / "ca.pem").read_text() == ca.pem


def test_the_configuration_keeps_what_was_measured() -> None:
    lines = configuration(Path("/x")).splitlines()
    for line in ("allow_anonymous false", "max_packet_size 131072", "max_inflight_messages 2000", "persistence true"):
        assert line in lines
    listeners = "\n".join(lines).split("\nlistener ")[1:]
    ports = [broker_files.PORT, broker_files.LOCAL_PORT, broker_files.PASSWORD_PORT]  # what is said elsewhere
    assert [int(each.split()[0]) for each in listeners] == ports == [8883, 8884, 8885]
    wants = ("tls_version tlsv1.2", "require_certificate true", "use_identity_as_username true", "crlfile")
    assert [[each.count(want) for want in wants] for each in listeners] == [[1, 1, 1, 1], [1, 1, 1, 1], [1, 0, 0, 0]]
    assert ["use_username_as_clientid true" in each for each in listeners] == [True, False, True]
    assert [line for line in lines if line.startswith("password_file ")] == ["password_file /x/passwords"]
    (queued,) = [int(line.split()[1]) for line in lines if line.startswith("max_queued_messages")]
    assert queued >= 10_000


def test_keys_are_not_for_everybody(ca: Authority, folder: Path) -> None:
    write_broker_files(folder, ca, Register())
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}
    assert modes.pop("server.key") == 0o640
    assert modes.pop("acl") == 0o640
    assert modes.pop("passwords") == 0o640
    assert set(modes.values()) == {0o644}


def test_the_broker_gets_the_hash_of_whoever_is_admitted_by_password_and_of_nobody_else(
    ca: Authority, folder: Path
) -> None:
    by_password = Member(id="kinh-mon", role="site", password=Password(hash="$7$101$c2FsdA==$aGFzaA==", issued_at=NOW))
    register = Register(members=(member("chi-linh"), by_password))
    write_broker_files(folder, ca, register)
    assert (folder / "passwords").read_text() == "kinh-mon:$7$101$c2FsdA==$aGFzaA==\n"
    write_broker_files(folder, ca, revoked(register, by_password, NOW))
    assert (folder / "passwords").read_text() == ""


def test_other_listeners_take_a_restart(ca: Authority, folder: Path) -> None:
    write_broker_files(folder, ca, Register())
    (folder / "mosquitto.conf").write_text("listener 8883\n")  # of an earlier version
    assert write_broker_files(folder, ca, Register())
    assert not write_broker_files(folder, ca, Register(members=(member("chi-linh"),)))


def test_the_brokers_certificate_names_every_host_and_stays_until_there_is_a_new_one(
    ca: Authority, folder: Path
) -> None:
    register = Register(hosts=("broker.example",))
    assert write_broker_files(folder, ca, register)
    assert hosts_of(folder) == {"broker.example", "localhost", "127.0.0.1", "::1"}
    before = (folder / "server.pem").read_text()
    assert not write_broker_files(folder, ca, register)
    assert (folder / "server.pem").read_text() == before
    assert write_broker_files(folder, ca, Register(hosts=("broker.example", "192.0.2.7")))
    assert hosts_of(folder) >= {"broker.example", "192.0.2.7"}
    assert server_expires(folder) == ca.expires


@pytest.mark.parametrize("spoil", ["no-key", "no-certificate", "damaged", "another-authority"])
def test_a_broker_certificate_that_is_of_no_use_is_made_anew(
    ca: Authority, folder: Path, tmp_path: Path, spoil: str
) -> None:
    write_broker_files(folder, ca, Register())
    match spoil:
        case "no-key":
            (folder / "server.key").unlink()
        case "no-certificate":
            (folder / "server.pem").unlink()
        case "damaged":
            (folder / "server.pem").write_text("hello")
        case "another-authority":
            write_broker_files(folder, open_or_make(tmp_path / "other"), Register())
    assert write_broker_files(folder, ca, Register())
    assert not write_broker_files(folder, ca, Register())


def test_without_its_template_nothing_is_written(
    ca: Authority, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(broker_files, "TEMPLATE", tmp_path / "none.conf")
    with pytest.raises(AuthorityError, match="install diemcau from its checkout"):
        write_broker_files(folder, ca, Register())
    assert not folder.exists()


@pytest.mark.parametrize(
    "name", ["acl", "passwords", "crl.pem", "ca.pem", "server.pem", "server.key", "mosquitto.conf"]
)
def test_files_of_another_version_are_told_from_those_of_this_one(ca: Authority, folder: Path, name: str) -> None:
    register = Register(broker="mqtts://broker.example:8883", hosts=("broker.example",), members=(member("chi-linh"),))
    assert not are_current(folder, ca, register)
    write_broker_files(folder, ca, register)
    assert are_current(folder, ca, register)
    if name == "server.key":
        (folder / name).unlink()
    else:
        (folder / name).write_text("# of an earlier version\n")
    assert not are_current(folder, ca, register)


def test_a_revocation_that_the_broker_was_not_told_of_is_seen(ca: Authority, folder: Path) -> None:
    register = Register(members=(member("chi-linh"),))
    write_broker_files(folder, ca, register)
    gone = register.find("chi-linh")
    assert gone is not None
    assert not are_current(folder, ca, revoked(register, gone, NOW))
