"""The centre's own small certificate authority: one folder with a key that never leaves it.

::

    ca.key       the authority's key, EC P-256, for its owner alone
    ca.pem       its certificate, ten years: what boxes, the centre's commands and the broker trust
    crl.pem      the list of what it has taken back, as the broker reads it
    sites.json   the register (agent.console.enrolment)

The key is written before the certificate, so a power cut leaves a folder that says that it is half-written. Nothing
here writes over an authority that is there.
"""

import fcntl
import ipaddress
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.adapters.files import is_there, write_durably
from agent.core.errors import AgentError

KEY, CERTIFICATE, CRL, LOCK = "ca.key", "ca.pem", "crl.pem", "lock"
NAME = "diemcau CA"
YEARS_10 = timedelta(days=3652)
# A box without a battery for its clock starts some time in the past: what is issued today is valid since yesterday.
BACKDATED = timedelta(days=1)

Kind = Literal["client", "server"]
USE = {"client": ExtendedKeyUsageOID.CLIENT_AUTH, "server": ExtendedKeyUsageOID.SERVER_AUTH}


class AuthorityError(AgentError):
    """The authority's folder cannot be used: Vietnamese first, then English, in one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key, as PEM. The key is in no text that this object prints."""

    serial: int
    expires: datetime
    certificate: str
    key: str

    def __repr__(self) -> str:
        return f"Issued(serial={self.serial:x}, expires={self.expires:%Y-%m-%d})"


class Authority:
    """What signs. Made by ``open_or_make``.

    Args:
        folder: Where its files are.
        key: Its key.
        certificate: Its own certificate.
    """

    def __init__(self, folder: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._folder, self._key, self._certificate = folder, key, certificate

    @property
    def pem(self) -> str:
        """Its certificate, for whoever has to trust it."""
        return _pem(self._certificate)

    @property
    def expires(self) -> datetime:
        """When nothing that it has issued is worth anything any more."""
        return self._certificate.not_valid_after_utc

    def issue(self, name: str, kind: Kind, days: int, hosts: Sequence[str] = ()) -> Issued:
        """A new key and a certificate for it, never longer valid than the authority's own.

        Args:
            name: Common name: to the broker the user's name.
            kind: ``client`` or ``server``; one is not taken for the other.
            days: How long from now.
            hosts: A server's names and addresses.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC).replace(microsecond=0)
        expires = min(now + timedelta(days=days), self.expires)
        builder = (
            _builder(name, NAME, key.public_key(), now, expires)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage("digital_signature"), critical=True)
            .add_extension(x509.ExtendedKeyUsage([USE[kind]]), critical=False)
            .add_extension(self._issuer(), critical=False)
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(map(_host, hosts))), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Issued(certificate.serial_number, expires, _pem(certificate), _key_pem(key))

    def revocation_list(self, revoked: Iterable[tuple[int, datetime]]) -> str:
        """Write the list of these serial numbers into the folder, and return it as PEM.

        It says that the next one comes when the authority ends: with a list that is overdue OpenSSL refuses everybody,
        and a conference shall not fail because nobody has revoked anything for a month.

        Raises:
            OSError: The folder cannot be written; the list there is as it was.
        """
        number, issued_at = self._next_list()
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(issued_at)
            .next_update(self.expires)
            .add_extension(self._issuer(), critical=False)
            .add_extension(x509.CRLNumber(number), critical=False)
        )
        for serial, at in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
            builder = builder.add_revoked_certificate(entry.build())
        pem = _pem(builder.sign(self._key, hashes.SHA256()))
        write_durably(self._folder / CRL, pem)
        return pem

    def _next_list(self) -> tuple[int, datetime]:
        """Number and date of the next list, both above the last one's.

        Whoever has two lists of one authority goes by the younger (OpenSSL does): two of one second would be a draw.
        """
        issued_at = datetime.now(UTC).replace(microsecond=0) - BACKDATED
        try:
            last = x509.load_pem_x509_crl((self._folder / CRL).read_bytes())
            number = last.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
            return int(datetime.now(UTC).timestamp()), issued_at  # above whatever there was, should a list be damaged
        return number + 1, max(issued_at, last.last_update_utc + timedelta(seconds=1))

    def _issuer(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder where there is none, and keep it for ourselves: two at once would lose one's register.

    Raises:
        AuthorityError: Somebody else is at work in it.
        OSError: It cannot be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise AuthorityError(
            f"một lệnh `diemcau site` khác đang dùng {folder}, hãy chờ rồi thử lại / "
            f"another `diemcau site` is at work in {folder}: wait and try again"
        ) from error
    finally:
        os.close(fd)


def open_or_make(folder: Path, may_make: bool = True) -> Authority:
    """The authority of this folder; a new one where the folder has none and ``may_make``.

    Raises:
        AuthorityError: There is half of one, or one that cannot be read, or none and it may not be made.
        OSError: The folder cannot be read or written.
    """
    key_path, path = folder / KEY, folder / CERTIFICATE
    there = [each for each in (key_path, path) if is_there(each)]
    if len(there) == 1:
        gone = CERTIFICATE if there == [key_path] else KEY
        raise AuthorityError(
            f"thư mục {folder} thiếu {gone}: lấy lại từ bản sao lưu, hoặc xoá cả thư mục nếu chưa cấp chứng chỉ nào / "
            f"{folder} is half-written, {gone} is not there: restore it from a backup, or delete the folder if nobody "
            "has a certificate from it yet"
        )
    if there:
        return _opened(folder)
    if not may_make:
        raise AuthorityError(
            f"chưa có CA trong {folder}: chạy `diemcau site add` trước, hoặc chỉ đúng thư mục bằng --ca-folder / "
            f"there is no authority in {folder}: begin with `diemcau site add`, or name its folder with --ca-folder"
        )
    if is_there(folder / "sites.json"):
        raise AuthorityError(
            f"{folder} có sites.json nhưng mất {KEY} và {CERTIFICATE}: lấy lại từ bản sao lưu / "
            f"{folder} has a register but neither {KEY} nor {CERTIFICATE}: restore them from a backup"
        )
    return _made(folder)


def _made(folder: Path) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC).replace(microsecond=0)
    certificate = (
        _builder(NAME, NAME, key.public_key(), now, now + YEARS_10)
        # RFC 5280, and Python 3.13 asks for all of it: what it is, what its key is for, and that key's identifier.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_durably(folder / KEY, _key_pem(key))  # which makes it with mode 0600
    write_durably(folder / CERTIFICATE, _pem(certificate))
    return Authority(folder, key, certificate)


def _opened(folder: Path) -> Authority:
    damaged = AuthorityError(
        f"{KEY} và {CERTIFICATE} trong {folder} bị hỏng hoặc không khớp nhau: lấy lại từ bản sao lưu / "
        f"{KEY} and {CERTIFICATE} in {folder} are damaged or do not belong together: restore them from a backup"
    )
    try:
        key = serialization.load_pem_private_key((folder / KEY).read_bytes(), password=None)
        certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
    except (ValueError, TypeError):
        raise damaged from None  # the library's own words might quote the file
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        raise damaged
    return Authority(folder, key, certificate)


def _builder(
    name: str, issuer: str, key: ec.EllipticCurvePublicKey, now: datetime, expires: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(expires)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*wanted: str) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
    return x509.KeyUsage(**{name: name in wanted for name in names})


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(what: x509.Certificate | x509.CertificateRevocationList) -> str:
    return what.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    unlocked = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unlocked).decode()
