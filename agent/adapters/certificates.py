"""Certificates on the disk: whose they are, from when to when, what for. Only the doctor reads them so closely.

``cryptography`` is imported when the first one is read: the agent itself leaves certificates to OpenSSL, and the
library is 15 MB of memory that a small box has better use for.
"""

import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agent.adapters.files import missing
from agent.core.errors import LinkError
from agent.core.identity import BrokerSection

# Source: openssl/x509err.h, by the names that Python's ssl gives them.
DIFFERS = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH")


class CredentialError(LinkError):
    """A file of the credentials is of no use: ``reason`` is one word, ``path`` the file."""

    def __init__(self, reason: str, path: str) -> None:
        self.reason, self.path = reason, path
        super().__init__(f"{path}: {reason}")


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate. ``name`` is its subject's common name; times are UTC."""

    name: str
    not_before: datetime
    not_after: datetime
    is_for_clients: bool


def read_certificates(path: Path) -> tuple[Certificate, ...]:
    """All certificates of a PEM file; the first is the one that the others vouch for. Raises CredentialError."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def one(found: x509.Certificate) -> Certificate:
        names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        try:
            uses = list(found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        except x509.ExtensionNotFound:  # it says nothing of its use, so it is for any
            uses = [ExtendedKeyUsageOID.CLIENT_AUTH]
        for_clients = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
        name = str(names[0].value) if names else ""
        return Certificate(
            name, found.not_valid_before_utc, found.not_valid_after_utc, not for_clients.isdisjoint(uses)
        )

    _must_be_readable(path)
    try:
        return tuple(map(one, x509.load_pem_x509_certificates(path.read_bytes())))
    except (OSError, ValueError, x509.InvalidVersion, x509.DuplicateExtension) as error:
        raise CredentialError("not_pem", str(path)) from error


def load_own(context: ssl.SSLContext, broker: BrokerSection) -> None:
    """Have a TLS context show our certificate. Raises CredentialError; the context is then without one.

    An encrypted key is an error and no question on the terminal: nobody sits there when the service starts.
    """
    if gone := missing(broker.certificate, broker.key):
        raise CredentialError("no_file", gone)
    for path in (broker.certificate, broker.key):
        _must_be_readable(Path(path))
    asked = []

    def no_passphrase() -> bytes:
        asked.append(True)  # OpenSSL's own error does not say that this is why
        return b""

    try:
        context.load_cert_chain(broker.certificate, broker.key, password=no_passphrase)
    except (OSError, ValueError) as error:
        if asked:
            raise CredentialError("key_encrypted", broker.key) from error
        if getattr(error, "reason", None) in DIFFERS:
            raise CredentialError("key_differs", broker.key) from error
        raise CredentialError("not_pem", f"{broker.certificate}, {broker.key}") from error


def _must_be_readable(path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise CredentialError("no_file", str(path)) from error
    except OSError as error:
        raise CredentialError("not_readable", str(path)) from error


def bare_context() -> ssl.SSLContext:
    """A context to try a certificate in, that trusts nobody."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
