"""The way to the centre: the broker's name, port and certificate, and what we show it."""

from dataclasses import replace
from pathlib import Path

from agent.adapters.broker_check import Knock
from agent.adapters.certificates import CredentialError, bare_context, load_own, read_certificates
from agent.adapters.errands import Outcome
from agent.adapters.rights import is_open_to_all
from agent.core.diagnosis import (
    WITHIN_DAY,
    Diagnosis,
    Judged,
    certificate,
    days_left,
    is_refused_for_its_time,
    worsened,
)
from agent.core.identity import BrokerSection, Identity
from agent.doctor.scene import Scene


def broker(scene: Scene, identity: Identity | None, outcome: Outcome | None) -> list[Diagnosis]:
    """All about the broker, in the order in which one gets there; what lies behind a failure is left out."""
    if identity is None or outcome is None:
        return []  # without an identity nobody knows where to knock, and box.identity says so
    section = identity.broker
    found = [] if not (section.tls and section.ca) else [_ca(scene, Path(section.ca))]
    came = outcome.value
    if isinstance(came, Knock):
        found = [*_way(scene, section, came), *found]
    else:
        reason = "too_slow" if outcome.is_late else "not_examined"
        found.insert(0, Diagnosis("broker.name", "broker.name", "connect", "warning", reason, str(outcome.error or "")))
    return [*found, *_credentials(scene, identity, came if isinstance(came, Knock) else None)]


def _named(host: str, addresses: tuple[str, ...]) -> str:
    return host if addresses in ((host,), ()) else f"{host} → {', '.join(addresses)}"


def _way(scene: Scene, section: BrokerSection, came: Knock) -> list[Diagnosis]:
    where = f"{section.host}:{section.port}"
    name = Diagnosis("broker.name", "broker.name", "connect", seen=_named(section.host, came.addresses))
    if came.stage == "name":
        return [replace(name, state="failed", reason=came.reason, seen=f"{section.host}: {came.said}")]
    port = Diagnosis("broker.port", "broker.port", "connect", seen=where)
    if came.stage == "port":
        return [name, replace(port, state="failed", reason=came.reason, seen=f"{where}: {came.said}")]
    if not section.tls or came.stage == "ca":  # what is wrong with the ca file is told by its own check
        return [name, port]
    tls = Diagnosis("broker.tls", "broker.tls", "connect")
    if came.stage == "tls":
        return [name, port, replace(tls, state="failed", reason=came.reason, seen=came.said)]
    if came.expires is None:  # refused within the handshake, after the broker's certificate was found good
        return [name, port, tls]
    tls = replace(tls, seen=days_left(came.expires, scene.now))
    return [name, port, worsened(tls, certificate(scene.now, came.expires, scene.now))]


def _ca(scene: Scene, path: Path) -> Diagnosis:
    """The ca file: good as long as one of its certificates is, since a renewal brings the new one beside the old."""
    found = Diagnosis("broker.ca", "broker.ca", "connect", seen=str(path))
    judged = scene.to_read(path)
    if judged[0] != "ok":
        return worsened(found, judged)
    try:
        last = max(read_certificates(path), key=lambda each: each.not_after)
    except CredentialError as error:
        return worsened(found, ("failed", error.reason))
    found = replace(found, seen=f"{path}: {days_left(last.not_after, scene.now)}")
    return worsened(found, certificate(last.not_before, last.not_after, scene.now))


def _credentials(scene: Scene, identity: Identity, came: Knock | None) -> list[Diagnosis]:
    section = identity.broker
    found = []
    if section.certificate:
        found.append(_certificate(scene, identity))
    if section.username:
        found.append(_password(scene, Path(section.password_file)))
    if not found and not section.tls:
        return []  # this machine's own broker
    if not found:
        found.append(Diagnosis("broker.certificate", "broker.certificate", "connect", "warning", "no_credentials"))
    if came is not None and came.stage == "welcome" and _is_of_use(found[0]):
        # What is wrong with the file explains the refusal better than the refusal does.
        found[0] = Diagnosis(
            "broker.certificate", "broker.certificate", "connect", "failed", came.reason, came.said or found[0].seen
        )
    return found


def _certificate(scene: Scene, identity: Identity) -> Diagnosis:
    section = identity.broker
    found = Diagnosis("broker.certificate", "broker.certificate", "connect", seen=section.certificate)
    unread = {path: scene.to_read(Path(path)) for path in (section.certificate, section.key)}
    unread = {path: judged for path, judged in unread.items() if judged[0] != "ok"}
    if unread:
        return _unread(found, unread)
    try:
        own = read_certificates(Path(section.certificate))[0]
        load_own(bare_context(), section)
    except CredentialError as error:
        return worsened(found, ("failed", error.reason), error.path)
    found = replace(found, seen=f"{own.name}: {days_left(own.not_after, scene.now)}")
    in_time = certificate(own.not_before, own.not_after, scene.now)
    if is_refused_for_its_time(in_time):
        return worsened(found, in_time)
    if own.name != identity.site:
        return worsened(found, ("failed", "other_site"), f"{own.name} ≠ {identity.site}")
    if not own.is_for_clients:
        return worsened(found, ("failed", "not_for_clients"))
    if is_open_to_all(Path(section.key)) and in_time[0] == "ok":
        return worsened(found, ("warning", "key_open"), section.key)
    return worsened(found, in_time)


def _unread(found: Diagnosis, unread: dict[str, Judged]) -> Diagnosis:
    """All files that cannot be read, so that nobody copies them one by one; with its own word where that differs."""
    first = next((judged for judged in unread.values() if judged[0] == "failed"), next(iter(unread.values())))
    named = (path if judged == first else f"{path} ({judged[1]})" for path, judged in unread.items())
    return worsened(found, first, ", ".join(named))


def _is_of_use(found: Diagnosis) -> bool:
    """Whether nothing about the file itself explains a refusal; one whose last day has come is still good."""
    return found.state != "failed" or (found.reason or "").startswith(WITHIN_DAY)


def _password(scene: Scene, path: Path) -> Diagnosis:
    """The file. Whether the password is right only a CONNECT can tell, which is the agent's alone to send."""
    found = Diagnosis("broker.password", "broker.password", "connect", seen=str(path))
    judged = scene.to_read(path)
    if judged[0] != "ok":
        return worsened(found, judged)
    try:
        text = path.read_text(encoding="utf-8").rstrip("\n")
    except (OSError, ValueError):
        return worsened(found, ("failed", "not_readable"))
    if not text:
        return worsened(found, ("failed", "empty"))
    return worsened(found, ("warning", "key_open") if is_open_to_all(path) else ("ok", None))
