"""FAULTS 57: who gets in, by what, and that nobody gets in as somebody else."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.adapters.mqtt_client import new_client
from agent.core.errors import ConfigError
from agent.core.identity import BrokerSection, parse_identity
from tests.adapters.pki import Authority
from tests.faults.rights_bed import BY_PASSWORD, SITE, Centre, Pair, Peer, is_admitted


def test_a_client_id_cannot_be_taken_from_outside(centre: Centre) -> None:
    at_work = Peer(centre, centre.own(SITE))
    impostor = Peer(centre, centre.own("hue"), client_id=SITE)
    impostor.settle()
    at_work.settle()
    second = Peer(centre, centre.own(SITE), client_id="somebody-else")
    assert at_work.ended.wait(5), "two connections of one site"
    for each in (at_work, impostor, second):
        each.close()


def test_on_the_brokers_machine_several_programs_share_one_certificate(centre: Centre, all_seeing: Peer) -> None:
    both = [Peer(centre, centre.own("lan"), is_local=True) for _ in range(2)]
    for each in both:
        each.subscribe(["#"])
    all_seeing.publish([f"diemcau/v1/{SITE}/power", f"diemcau/v1/{SITE}/config/desired"], b"for both", retain=False)
    for each in both:
        each.settle()
        assert each.topics(b"for both") == {f"diemcau/v1/{SITE}/power"}  # with the same rights as elsewhere
        each.close()


def self_signed(folder: Path, name: str) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(9))
    pem, key_file = folder / "self.pem", folder / "self.key"
    pem.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    unlocked = serialization.NoEncryption()
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, unlocked)
    )
    return pem, key_file


@pytest.mark.parametrize("is_local", [False, True], ids=["8883", "8884"])
@pytest.mark.parametrize(
    "wrong", ["none", "self-signed", "other-ca", "same-name-ca", "expired", "server", "the-brokers"]
)
def test_without_a_certificate_that_is_good_nobody_gets_in(
    centre: Centre, tmp_path: Path, wrong: str, is_local: bool
) -> None:
    def other(name: str) -> Pair:
        return Authority(tmp_path, name).issue(SITE)

    ways: dict[str, Callable[[], Pair | None]] = {
        "none": lambda: None,
        "self-signed": lambda: self_signed(tmp_path, SITE),
        "other-ca": lambda: other("ca"),
        "same-name-ca": lambda: other("diemcau CA"),
        "expired": lambda: centre.issued(SITE, days=0),
        "server": lambda: centre.issued(SITE, "server"),
        "the-brokers": lambda: (centre.folder / "broker/server.pem", centre.folder / "broker/server.key"),
    }
    assert not is_admitted(centre, ways[wrong](), is_local)
    assert is_admitted(centre, centre.own(SITE), is_local)


def test_there_is_no_way_in_without_tls(centre: Centre) -> None:
    client = new_client("plain", BrokerSection(url=f"mqtt://127.0.0.1:{centre.port}"))
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    for port in (centre.port, centre.local_port, centre.password_port):
        client.connect("127.0.0.1", port, keepalive=5)
        while not client.loop(timeout=1):
            pass
    assert not connected.is_set()
    listeners = (centre.folder / "broker/mosquitto.conf").read_text().split("\nlistener ")[1:]
    assert [each.count("\nrequire_certificate true") for each in listeners] == [1, 1, 0]
    with pytest.raises(ConfigError, match="plain mqtt:// is for this machine only"):
        parse_identity('site = "chi-linh"\n[broker]\nurl = "mqtt://broker.example"', "agent.toml")


def test_a_password_is_for_its_user_at_its_own_port_alone(centre: Centre) -> None:
    right = centre.by_password(BY_PASSWORD)
    secret = Path(right.password_file).read_text()
    assert is_admitted(centre, right)
    for user, word in ((BY_PASSWORD, "x"), (BY_PASSWORD, ""), (SITE, secret), ("nobody", secret), ("", secret)):
        assert not is_admitted(centre, centre.by_password(user, word)), user
    nobody = BrokerSection(url=right.url, ca=right.ca)
    pem, key = map(str, centre.own(SITE))
    assert not is_admitted(centre, nobody)
    assert not is_admitted(centre, nobody.model_copy(update={"certificate": pem, "key": key}))
    for port in (centre.port, centre.local_port):
        elsewhere = right.model_copy(update={"url": f"mqtts://127.0.0.1:{port}"})
        assert not is_admitted(centre, elsewhere)
        # A certificate beside it: then that is who one is.
        assert is_admitted(centre, elsewhere.model_copy(update={"certificate": pem, "key": key}))


def test_a_client_id_cannot_be_taken_with_a_password_either(centre: Centre) -> None:
    at_work, by_password = Peer(centre, centre.own(SITE)), Peer(centre, centre.by_password(BY_PASSWORD))
    impostors = [
        Peer(centre, centre.by_password(BY_PASSWORD), client_id=SITE),
        Peer(centre, centre.own("hue"), client_id=BY_PASSWORD),
    ]
    assert by_password.ended.wait(5), "the first impostor is itself, whatever it says"
    for each in (at_work, *impostors):
        each.settle()
        each.close()
