"""Certificates on the disk, whole and broken."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.adapters.certificates import CredentialError, bare_context, load_own, read_certificates
from tests.adapters.pki import SERVER, Authority, broker_of


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def refusal(own: tuple[Path, Path]) -> tuple[str, str]:
    with pytest.raises(CredentialError) as caught:
        load_own(bare_context(), broker_of(8883, "", own))
    return caught.value.reason, Path(caught.value.path.split(",")[0]).name


def test_a_certificate_says_whose_it_is_from_when_to_when_and_what_for(ca: Authority) -> None:
    pem, _ = ca.issue("chi-linh", from_days=-2, to_days=10)
    (own,) = read_certificates(pem)
    assert own.name == "chi-linh"
    assert own.not_before < datetime.now(UTC) - timedelta(days=1)
    assert timedelta(days=9) < own.not_after - datetime.now(UTC) < timedelta(days=10)
    assert own.is_for_clients


def test_one_that_says_nothing_of_its_use_is_for_clients_and_a_servers_is_not(ca: Authority) -> None:
    assert read_certificates(ca.issue("any", use=None)[0])[0].is_for_clients
    assert not read_certificates(ca.issue("server", use=SERVER)[0])[0].is_for_clients


def test_all_of_a_chain_are_read_in_order(tmp_path: Path, ca: Authority) -> None:
    pem, _ = ca.issue("chi-linh")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(pem.read_bytes() + ca.pem.read_bytes())
    assert [each.name for each in read_certificates(chain)] == ["chi-linh", "ca"]


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\0\xfe", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_certificate_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "site.pem"
    path.write_bytes(content)
    with pytest.raises(CredentialError) as caught:
        read_certificates(path)
    assert caught.value.reason == "not_pem"


def test_what_is_not_there_or_is_a_folder_is_named(tmp_path: Path) -> None:
    for path, reason in [(tmp_path / "none", "no_file"), (tmp_path, "not_readable")]:
        with pytest.raises(CredentialError) as caught:
            read_certificates(path)
        assert caught.value.reason == reason


def test_certificate_and_key_have_to_belong_together(ca: Authority) -> None:
    one, other = ca.issue("one"), ca.issue("other")
    load_own(bare_context(), broker_of(8883, "", one))
    assert refusal((one[0], other[1])) == ("key_differs", "other.key")
    assert refusal((one[0], one[0])) == ("not_pem", "one.pem")
    assert refusal((one[0], one[0].with_name("none"))) == ("no_file", "none")


def test_all_files_that_are_missing_are_named(tmp_path: Path) -> None:
    pair = tmp_path / "none.pem", tmp_path / "none.key"
    with pytest.raises(CredentialError) as caught:
        load_own(bare_context(), broker_of(8883, "", pair))
    assert (caught.value.reason, caught.value.path) == ("no_file", f"{pair[0]}, {pair[1]}")


def test_a_key_with_a_passphrase_is_an_error_and_never_a_question(ca: Authority) -> None:
    assert refusal(ca.issue("locked", password=b"secret")) == ("key_encrypted", "locked.key")


def test_the_bare_context_trusts_nobody() -> None:
    assert bare_context().verify_mode == ssl.CERT_REQUIRED
    assert bare_context().get_ca_certs() == []
