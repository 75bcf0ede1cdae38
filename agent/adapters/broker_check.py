"""Would the broker let us in? As far as one can go without a CONNECT: name, port, TLS both ways.

A CONNECT is never sent, not even where no agent runs here. It would carry the site's own client id (the broker makes
the user name the client id, so there is no other), and with it whoever holds that id is thrown off: the agent on this
box, or on the box that took its place. It would also take a pending will away, so that nobody hears of a site that was
lost, and it touches the session in which commands wait. What is not seen for that, a wrong password or a right that is
missing, the agent itself says in its log.

With TLS 1.3 a client's handshake is over before the server has looked at the client's certificate; its refusal comes as
an alert afterwards. So after the handshake we listen for a moment: a broker that is content says nothing and waits.
"""

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from agent.adapters.certificates import CredentialError, load_own
from agent.core.identity import BrokerSection

Stage = Literal["name", "port", "ca", "tls", "welcome", "through"]
PATIENCE_S = 5.0
# A refusal needs one way there and back; a line by satellite has 0.7 s. mosquitto itself waits for minutes.
WELCOME_S = 2.0

# Source: X509_V_ERR_* of openssl/x509_vfy.h.
VERIFY = {
    9: "server_not_yet_valid",
    10: "server_expired",
    18: "server_unknown",
    19: "server_unknown",
    20: "server_unknown",
    21: "server_unknown",
    62: "server_name",
    64: "server_name",
}
NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_EOF_WHILE_READING", "RECORD_LAYER_FAILURE")


@dataclass(frozen=True, slots=True)
class Knock:
    """How far one came, and why no farther: ``reason`` is one word, ``said`` the library's own.

    ``ca``: the port is there, and without a ca file of use TLS was not even begun. ``through`` means that nothing
    speaks against a CONNECT. ``addresses`` are the name's; ``expires`` is the end of the broker's certificate (UTC),
    None without TLS.
    """

    stage: Stage
    reason: str | None = None
    said: str = ""
    addresses: tuple[str, ...] = ()
    expires: datetime | None = None


def knock(broker: BrokerSection, welcome_s: float = WELCOME_S, patience_s: float = PATIENCE_S) -> Knock:
    """Go as far as possible, and leave at once. Our certificate is shown where it can be used.

    Args:
        broker: Address and credentials.
        welcome_s: How long to listen for a refusal after the handshake.
        patience_s: How long to wait for each of the broker's answers before it.

    Thread: any; a name server that is silent is waited for as long as the system's resolver does.
    """
    try:
        found = socket.getaddrinfo(broker.host, broker.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return Knock("name", "name_unknown", str(error))
    addresses = tuple(dict.fromkeys(str(each[4][0]) for each in found))
    try:
        end = socket.create_connection((broker.host, broker.port), patience_s)
    except ConnectionRefusedError as error:
        return Knock("port", "refused", str(error), addresses)
    except OSError as error:
        return Knock("port", "unreachable", str(error), addresses)
    with end:
        return _shake_hands(end, broker, addresses, welcome_s) if broker.tls else Knock("through", addresses=addresses)


def _shake_hands(end: socket.socket, broker: BrokerSection, addresses: tuple[str, ...], welcome_s: float) -> Knock:
    try:
        context = context_of(broker)
    except CredentialError as error:
        return Knock("ca", error.reason, error.path, addresses)
    try:
        with context.wrap_socket(end, server_hostname=broker.host) as secure:
            expires = _end_of(secure.getpeercert())
            refusal = _refusal(secure, bool(broker.certificate), welcome_s)
    except ssl.SSLError as error:
        reason = str(error.reason or "")
        if "ALERT" in reason:
            return Knock("welcome", _refused(bool(broker.certificate)), reason, addresses)
        return Knock("tls", tls_reason(error), getattr(error, "verify_message", reason) or str(error), addresses)
    except TimeoutError:
        return Knock("tls", "tls_silent", "", addresses)
    except (OSError, ValueError) as error:
        return Knock("tls", "no_tls", str(error), addresses)
    if refusal is not None:
        return Knock("welcome", refusal[0], refusal[1], addresses, expires)
    return Knock("through", addresses=addresses, expires=expires)


def tls_reason(error: ssl.SSLError) -> str:
    """Why there is no TLS with a broker, in one word."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return VERIFY.get(error.verify_code, "tls_failed")
    return "no_tls" if error.reason in NO_TLS else "tls_failed"


def context_of(broker: BrokerSection) -> ssl.SSLContext:
    """TLS as the agent's link has it; a certificate of ours that is of no use is left out and looked at elsewhere.

    Raises:
        CredentialError: The ca file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=broker.ca or None)
    except FileNotFoundError as error:
        raise CredentialError("no_file", broker.ca) from error
    except ssl.SSLError as error:
        raise CredentialError("not_pem", broker.ca) from error
    except (OSError, ValueError) as error:
        raise CredentialError("not_readable", broker.ca) from error
    if broker.certificate:
        with suppress(CredentialError):
            load_own(context, broker)
    return context


def _refusal(secure: ssl.SSLSocket, shows_certificate: bool, welcome_s: float) -> tuple[str, str] | None:
    """What the broker has against us after the handshake, None where it waits for us to speak."""
    secure.settimeout(welcome_s)
    try:
        said = secure.recv(1)
    except TimeoutError:
        return None
    except ssl.SSLError as error:
        return _refused(shows_certificate), str(error.reason or error)
    except OSError as error:
        return "closed", str(error)
    return None if said else ("closed", "")


def _refused(shows_certificate: bool) -> str:
    return "client_refused" if shows_certificate else "certificate_wanted"


def _end_of(certificate: object) -> datetime | None:
    """``notAfter`` of what ``getpeercert`` gives."""
    text = certificate.get("notAfter") if isinstance(certificate, dict) else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC) if isinstance(text, str) else None
