"""A certificate authority of the tests' own: whatever a centre, or somebody who is none, may issue."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.core.identity import BrokerSection

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
YEAR = 365.0


class Authority:
    """Issues certificates into a folder. ``pem`` is its own."""

    def __init__(self, folder: Path, name: str = "ca", from_days: float = -1, to_days: float = 10 * YEAR) -> None:
        self.folder, self.name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.pem = folder / f"{name}.pem"
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, subject, self._key, from_days, to_days)
        # Python 3.13 asks of a certificate what RFC 5280 does: key identifiers, and what an authority's key is for.
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(_signs_certificates(), critical=True)
        own = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = builder.add_extension(own, critical=False)
        self._certificate = builder.sign(self._key, hashes.SHA256())
        self.pem.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        name: str,
        from_days: float = -1,
        to_days: float = YEAR,
        use: x509.ObjectIdentifier | None = CLIENT,
        host: str = "",
        password: bytes | None = None,
        file: str = "",
    ) -> tuple[Path, Path]:
        """A certificate and its key, ``from_days`` to ``to_days`` from now; ``host`` for a server."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, self._certificate.subject, key, from_days, to_days)
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(issuer_key, critical=False)
        if use is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        if host:
            builder = builder.add_extension(x509.SubjectAlternativeName([_host(host)]), critical=False)
        pem, key_file = self.folder / f"{file or name}.pem", self.folder / f"{file or name}.key"
        pem.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
        key_file.chmod(0o600)
        return pem, key_file

    def server(self, host: str = "127.0.0.1", from_days: float = -1, to_days: float = YEAR) -> str:
        """mosquitto's lines for TLS with a certificate of ours, that wants one of its clients."""
        pem, key = self.issue("server", from_days, to_days, SERVER, host)
        return f"allow_anonymous true\ncafile {self.pem}\ncertfile {pem}\nkeyfile {key}\nrequire_certificate true"

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, from_days: float, to_days: float
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=from_days))
            .not_valid_after(now + timedelta(days=to_days))
        )


def _signs_certificates() -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    others = dict.fromkeys((*names, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(key_cert_sign=True, crl_sign=True, **others)


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def broker_of(port: int, ca: Path | str, own: tuple[Path, Path] | None, host: str = "127.0.0.1") -> BrokerSection:
    """What an identity file says of a broker with TLS."""
    pem, key = own or ("", "")
    return BrokerSection(url=f"mqtts://{host}:{port}", ca=str(ca), certificate=str(pem), key=str(key))
