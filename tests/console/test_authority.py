"""The authority: what it issues, what it takes back, and that nothing writes over it."""

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from agent.console.authority import Authority, AuthorityError, Issued, locked, open_or_make

DAY = timedelta(days=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ca"


@pytest.fixture
def ca(folder: Path) -> Authority:
    return open_or_make(folder)


def certificate(issued: Issued) -> x509.Certificate:
    return x509.load_pem_x509_certificate(issued.certificate.encode())


def revocations(pem: str) -> x509.CertificateRevocationList:
    return x509.load_pem_x509_crl(pem.encode())


def test_the_key_is_for_its_owner_alone_and_the_authority_lasts_ten_years(ca: Authority, folder: Path) -> None:
    assert stat.S_IMODE((folder / "ca.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    own = x509.load_pem_x509_certificate(ca.pem.encode())
    key = own.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert 3650 * DAY < ca.expires - datetime.now(UTC) < 3654 * DAY


def test_a_second_run_has_the_same_authority(ca: Authority, folder: Path) -> None:
    before = {each.name: each.read_bytes() for each in folder.iterdir()}
    assert open_or_make(folder).pem == ca.pem
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == before


def test_a_certificate_has_all_that_a_strict_reader_asks_for(ca: Authority) -> None:
    root = x509.load_pem_x509_certificate(ca.pem.encode())
    box = certificate(ca.issue("chi-linh", "client", 825))
    server = certificate(ca.issue("diemcau broker", "server", 825, ["broker.example", "192.0.2.7", "::1"]))
    for one, use in ((box, ExtendedKeyUsageOID.CLIENT_AUTH), (server, ExtendedKeyUsageOID.SERVER_AUTH)):
        one.verify_directly_issued_by(root)
        extension = one.extensions.get_extension_for_class
        assert list(extension(x509.ExtendedKeyUsage).value) == [use]
        assert extension(x509.KeyUsage).value.digital_signature
        assert not extension(x509.KeyUsage).value.key_cert_sign
        assert not extension(x509.BasicConstraints).value.ca
        of_root = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        assert extension(x509.AuthorityKeyIdentifier).value.key_identifier == of_root.digest
        assert extension(x509.SubjectKeyIdentifier).value.digest != of_root.digest
    verifier = PolicyBuilder().store(Store([root])).build_server_verifier(x509.DNSName("broker.example"))
    assert verifier.verify(server, [])[0] == server


def test_serials_are_unique_and_a_clock_that_is_a_day_behind_takes_them(ca: Authority) -> None:
    all_ = [ca.issue("chi-linh", "client", 1) for _ in range(50)]
    assert len({each.serial for each in all_}) == 50
    assert certificate(all_[0]).not_valid_before_utc <= datetime.now(UTC) - DAY


def test_nothing_outlives_the_authority(ca: Authority) -> None:
    assert ca.issue("chi-linh", "client", 36500).expires == ca.expires


def test_the_list_of_what_was_taken_back_is_never_overdue_and_each_is_younger_than_the_last(
    ca: Authority, folder: Path
) -> None:
    first = revocations(ca.revocation_list([]))
    second = revocations(ca.revocation_list([(77, datetime.now(UTC)), (78, datetime.now(UTC))]))
    third = revocations(open_or_make(folder).revocation_list([(77, datetime.now(UTC))]))
    assert [len(list(each)) for each in (first, second, third)] == [0, 2, 1]
    assert first.last_update_utc < second.last_update_utc < third.last_update_utc <= datetime.now(UTC)
    numbers = [each.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for each in (first, second)]
    assert numbers[0] < numbers[1]
    key = x509.load_pem_x509_certificate(ca.pem.encode()).public_key()
    for each in (first, second, third):
        assert each.next_update_utc == ca.expires
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert each.is_signature_valid(key)


def test_a_damaged_list_is_made_anew(ca: Authority, folder: Path) -> None:
    before = revocations(ca.revocation_list([]))
    (folder / "crl.pem").write_text("hello")
    after = revocations(ca.revocation_list([(77, datetime.now(UTC))]))
    assert after.get_revoked_certificate_by_serial_number(77) is not None
    assert after.last_update_utc >= before.last_update_utc


@pytest.mark.parametrize("gone", ["ca.key", "ca.pem"])
def test_a_half_written_folder_is_told_in_one_sentence_and_left_as_it_is(
    ca: Authority, folder: Path, gone: str
) -> None:
    (folder / gone).unlink()
    left = sorted(each.name for each in folder.iterdir())
    with pytest.raises(AuthorityError, match=rf"thiếu {gone}.* / .*{gone} is not there"):
        open_or_make(folder)
    assert sorted(each.name for each in folder.iterdir()) == left


def test_a_register_without_its_authority_is_no_reason_for_a_new_one(ca: Authority, folder: Path) -> None:
    (folder / "sites.json").write_text("{}")
    for each in ("ca.key", "ca.pem"):
        (folder / each).unlink()
    with pytest.raises(AuthorityError, match="restore"):
        open_or_make(folder)


@pytest.mark.parametrize("damaged", ["ca.key", "ca.pem"])
@pytest.mark.parametrize("text", ["", "hello", "another"])
def test_what_cannot_be_read_or_does_not_belong_together_is_told(
    ca: Authority, folder: Path, tmp_path: Path, damaged: str, text: str
) -> None:
    other = tmp_path / "other"
    open_or_make(other)
    (folder / damaged).write_text((other / damaged).read_text() if text == "another" else text)
    with pytest.raises(AuthorityError, match="damaged or do not belong together"):
        open_or_make(folder)


def test_where_none_may_be_made_its_absence_is_told(folder: Path) -> None:
    with pytest.raises(AuthorityError, match="diemcau site add"):
        open_or_make(folder, may_make=False)
    assert not folder.exists()


def test_two_at_once_are_not(folder: Path) -> None:
    with locked(folder), pytest.raises(AuthorityError, match="wait"), locked(folder):
        pass
    with locked(folder):
        pass


def test_what_is_issued_does_not_print_its_key(ca: Authority) -> None:
    issued = ca.issue("chi-linh", "client", 1)
    assert issued.key.splitlines()[1] not in f"{issued!r} {issued}"
    assert os.linesep not in repr(issued)
