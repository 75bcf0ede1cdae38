"""Who may do what at a real mosquitto with the files that ``diemcau site`` makes: judged by what arrives.

The broker runs as on Debian: a main file with ``include_dir``, and as the user mosquitto where the tests run as root.
A SUBACK says nothing (mosquitto grants every subscription), so the readers are judged by what they are sent, the
writers by what an all-seeing listener hears. No waiting for silence: what the broker has to send a client before it
acknowledges that client's next subscription has arrived with that acknowledgement.
"""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.adapters.mosquitto import answers, free_port
from agent.adapters.mqtt_client import new_client
from agent.adapters.processes import spawn, stop
from agent.console.authority import Kind, open_or_make
from agent.console.site_admin import site as site_command
from agent.core.errors import ConfigError
from agent.core.identity import BrokerSection, parse_identity
from tests.adapters.pki import Authority, broker_of
from tests.conftest import Site, wait_for

Pair = tuple[Path, Path]

SITE, OTHER = "chi-linh", "nam-sach"
WHO = {SITE: "site", "ghi": "recorder", "hue": "viewer", "lan": "operator", "minh": "technician", "la": "stranger"}
FROM_SITE = {"status", "about", "power", "readiness", "headcount", "health", "config/reported", "history/headcount",
             "history/event", "command/result"}  # fmt: skip
TO_SITE = {"config/desired", "config/confirm", "history/ack", "conference", "command"}
NO_NAMES = {"simulated/truth", "anything", "config", "config/desired/more", "status/more"}
SITES = [SITE, OTHER, "hue", "no-such-site"]  # also a viewer's own name, as if it were a site's
OUTSIDE = {"homeassistant/status", f"homeassistant/device/diemcau-{SITE}/config", "homeassistant/sensor/x/config",
           f"homeassistant/device/diemcau-{OTHER}/config", "diemcau/v2/chi-linh/status", "elsewhere"}  # fmt: skip
EVERY_TOPIC = sorted(
    {f"diemcau/v1/{each}/{name}" for each in SITES for name in FROM_SITE | TO_SITE | NO_NAMES}
    | {"diemcau/v1/_all/command", "diemcau/v1/_all/status"}
    | OUTSIDE
)
WILDCARDS = ["#", "$SYS/#", "diemcau/#", "diemcau/v1/+/#", "diemcau/v1/+/command", "+/+/+/+/+", "homeassistant/#"]


def may_read(role: str, full: str) -> bool:
    """The contract's table of rights, column *reads*."""
    own = full.removeprefix(f"diemcau/v1/{SITE}/")
    match role:
        case "site":
            return own in TO_SITE | {"status"} or full in ("diemcau/v1/_all/command", "homeassistant/status")
        case "recorder" | "technician":
            return full.startswith("diemcau/v1/")
        case "viewer" | "operator":
            return full.startswith("diemcau/v1/") and not full.endswith("/config/desired")
    return False


def may_write(role: str, full: str) -> bool:
    """The contract's table of rights, column *writes*."""
    _, _, name = full.removeprefix("diemcau/v1/").partition("/")
    if not full.startswith("diemcau/v1/"):
        return role == "site" and full == f"homeassistant/device/diemcau-{SITE}/config"
    writes = {"recorder": {"history/ack"}, "operator": {"command", "conference"}}
    writes["technician"] = writes["operator"] | {"config/desired", "config/confirm"}
    if role == "site":
        return full.startswith(f"diemcau/v1/{SITE}/") and name in FROM_SITE
    return name in writes.get(role, set())


class Centre:
    """A folder with authority, register and broker files, and a mosquitto that runs from them."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder, self._program = folder, program
        self.port, self.local_port = free_port(), free_port()
        self.ca = folder / "ca" / "ca.pem"
        self._process: subprocess.Popen[bytes] | None = None
        for each in ("data", "conf.d"):
            (folder / each).mkdir()
        if os.geteuid() == 0:
            shutil.chown(folder / "data", "mosquitto")
        (folder / "main.conf").write_text(  # Debian's own, in another place
            f"persistence true\npersistence_location {folder}/data/\nlog_dest file {folder}/data/mosquitto.log\n"
            f"log_type all\ninclude_dir {folder}/conf.d\n"
        )

    def site(self, *arguments: str) -> None:
        """``diemcau site …``, and the all-seeing user beside those whom it knows."""
        places = ["--ca-folder", str(self.folder / "ca"), "--broker-folder", str(self.folder / "broker")]
        if arguments[0] in ("add", "renew"):
            places += ["--out", str(self.folder / "out")]
        assert site_command.main([*arguments, *places], standalone_mode=False) == 0
        with (self.folder / "broker" / "acl").open("a") as acl:
            acl.write("\nuser all-seeing\ntopic readwrite #\n")

    def own(self, id_: str) -> Pair:
        """Certificate and key of somebody enrolled."""
        folder = self.folder / "out" / id_
        file = "site" if (folder / "site.pem").exists() else id_
        return folder / f"{file}.pem", folder / f"{file}.key"

    def copy(self, id_: str) -> Pair:
        """What a thief has: it stays as it is when the files are renewed."""
        folder = self.folder / "stolen" / id_
        folder.mkdir(parents=True)
        pem, key = (Path(shutil.copy(each, folder)) for each in self.own(id_))
        return pem, key

    def issued(self, name: str, kind: Kind = "client", days: int = 1) -> Pair:
        """A certificate of the authority's own for whom the register does not know."""
        made = open_or_make(self.folder / "ca").issue(name, kind, days, ["localhost"] if kind == "server" else [])
        pem, key = (self.folder / "out" / f"{name}-{kind}{days}.{end}" for end in ("pem", "key"))
        pem.write_text(made.certificate)
        key.write_text(made.key)
        return pem, key

    def start(self) -> None:
        text = (self.folder / "broker" / "mosquitto.conf").read_text()
        for fixed, free in (("listener 8883", f"listener {self.port} 127.0.0.1"), ("8884", str(self.local_port))):
            assert fixed in text
            text = text.replace(fixed, free)
        (self.folder / "conf.d" / "diemcau.conf").write_text(text)
        with (self.folder / "output.log").open("ab") as output:
            self._process = spawn([self._program, "-c", str(self.folder / "main.conf")], subprocess.DEVNULL, output)
        wait_for(lambda: answers(self.port) and answers(self.local_port), f"mosquitto listens: {self.log[-500:]}")

    def reload(self) -> None:
        """What ``systemctl reload mosquitto`` does."""
        assert self._process is not None
        before = self.log.count("Reloading config")
        self._process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.log.count("Reloading config") > before, "mosquitto reloads")
        Peer(self, self.issued("all-seeing")).close()  # served after the reload is done
        assert self._process.poll() is None

    def restart(self) -> None:
        self.close()
        self.start()

    def close(self) -> None:
        if self._process is not None:
            stop([self._process])
            self._process = None

    @property
    def log(self) -> str:
        files = (self.folder / "output.log", self.folder / "data" / "mosquitto.log")
        return "".join(each.read_text(errors="replace") for each in files if each.exists())


class RefusedError(Exception):
    """No CONNACK that says yes."""


class Peer:
    """A client that is connected when it has been made. Raises RefusedError."""

    def __init__(
        self,
        centre: Centre,
        own: Pair | None,
        client_id: str = "",
        is_local: bool = False,
        will: tuple[str, bytes] | None = None,
    ) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self.ended = threading.Event()
        self._answered, self._connected = threading.Event(), False
        self._acknowledged: dict[int, Any] = {}
        address = broker_of(centre.local_port if is_local else centre.port, centre.ca, own)
        self._client = new_client(client_id or f"test-{os.urandom(4).hex()}", address)
        if will is not None:
            self._client.will_set(*will, qos=1)
        self._client.on_connect = lambda c, u, f, code, p: self._on_connect(code)
        self._client.on_disconnect = lambda *_: self._on_end()
        self._client.on_message = lambda c, u, m: self.heard.append((m.topic, bytes(m.payload), m.retain))
        self._client.on_publish = lambda c, u, mid, code, p: self._acknowledged.update({mid: code})
        self._client.on_subscribe = lambda c, u, mid, codes, p: self._acknowledged.update({mid: codes})
        try:
            self._client.connect("127.0.0.1", address.port, keepalive=20)
        except (ssl.SSLError, OSError) as error:
            raise RefusedError(str(error)) from error
        self._client.loop_start()
        assert self._answered.wait(15), "neither CONNACK nor a closed connection"
        if not self._connected:
            self.close()
            raise RefusedError("closed")

    def _on_connect(self, code: Any) -> None:
        self._connected = not code.is_failure
        self._answered.set()

    def _on_end(self) -> None:
        self._answered.set()
        self.ended.set()

    def publish(self, topics: list[str], payload: bytes, retain: bool) -> dict[str, bool]:
        """Publish to each; which of them the broker said yes to."""
        sent = {self._client.publish(each, payload, qos=1, retain=retain).mid: each for each in topics}
        self._wait(list(sent))
        return {each: not self._acknowledged[mid].is_failure for mid, each in sent.items()}

    def subscribe(self, topics: list[str]) -> None:
        _, mid = self._client.subscribe([(each, 1) for each in topics])
        assert mid is not None
        self._wait([mid])

    def settle(self) -> None:
        """Until everything is here that the broker had for us when this was called."""
        self.subscribe(["nothing/here"])

    def topics(self, payload: bytes) -> set[str]:
        return {topic for topic, said, _ in self.heard if said == payload}

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def vanish(self) -> None:
        """Go without a DISCONNECT."""
        end = self._client.socket()
        assert isinstance(end, socket.socket)  # TLS's are too
        end.shutdown(socket.SHUT_RDWR)
        assert self.ended.wait(5)
        self._client.loop_stop()

    def _wait(self, mids: list[int]) -> None:
        wait_for(lambda: all(mid in self._acknowledged for mid in mids) or self.ended.is_set(), "acknowledgements")
        assert not self.ended.is_set(), "the broker closed the connection"


@pytest.fixture(scope="module")
def centre(mosquitto_program: str) -> Iterator[Centre]:
    """With one of each role, and two sites."""
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to the user mosquitto
        Path(name).chmod(0o755)
        made = Centre(Path(name), mosquitto_program)
        made.site("add", SITE, OTHER, "--broker", "mqtts://127.0.0.1:8883")
        for each, role in WHO.items():
            if role not in ("site", "stranger"):
                made.site("add", each, "--role", role)
        made.start()
        yield made
        made.close()


@pytest.fixture(scope="module")
def all_seeing(centre: Centre) -> Iterator[Peer]:
    peer = Peer(centre, centre.issued("all-seeing"), is_local=True)
    peer.subscribe(["#"])
    yield peer
    peer.close()


def peer_of(centre: Centre, who: str) -> Peer:
    return Peer(centre, centre.issued(who) if WHO.get(who) == "stranger" else centre.own(who))


@pytest.fixture(params=WHO, ids=lambda each: WHO[each])
def who(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("retain", [False, True], ids=["live", "retained"])
def test_what_a_role_writes_arrives_where_the_contract_says_and_nowhere_else(
    centre: Centre, all_seeing: Peer, who: str, retain: bool
) -> None:
    payload = f"{who} {retain}".encode()
    writer = peer_of(centre, who)
    said_yes = writer.publish(EVERY_TOPIC, payload, retain)
    writer.close()
    all_seeing.settle()
    allowed = {full for full in EVERY_TOPIC if may_write(WHO[who], full)}
    assert all_seeing.topics(payload) == allowed
    assert {full for full, yes in said_yes.items() if yes} == allowed  # MQTT 5: a refusal is told
    later = Peer(centre, centre.issued("all-seeing"), is_local=True)
    later.subscribe(["#"])
    later.settle()
    assert later.topics(payload) == (allowed if retain else set())
    all_seeing.publish(EVERY_TOPIC, b"", retain=True)
    later.close()


@pytest.mark.parametrize("filters", [EVERY_TOPIC, WILDCARDS], ids=["by-name", "by-wildcard"])
@pytest.mark.parametrize("retain", [False, True], ids=["live", "retained"])
def test_a_role_is_sent_what_the_contract_says_and_nothing_else(
    centre: Centre, all_seeing: Peer, who: str, retain: bool, filters: list[str]
) -> None:
    payload = f"to {who} {retain} {len(filters)}".encode()
    reader = peer_of(centre, who)
    if not retain:
        reader.subscribe(filters)
        reader.settle()
    assert all(all_seeing.publish(EVERY_TOPIC, payload, retain).values())
    if retain:
        reader.subscribe(filters)
    reader.settle()
    reader.close()
    all_seeing.publish(EVERY_TOPIC, b"", retain=True)
    expected = {full for full in EVERY_TOPIC if may_read(WHO[who], full)}
    assert reader.topics(payload) == expected
    assert {topic for topic, said, _ in reader.heard if said} == expected  # nothing of the broker's own either


def test_every_topic_was_tried_by_every_role_in_both_directions() -> None:
    reads = [(each, full) for each in WHO.values() for full in EVERY_TOPIC if may_read(each, full)]
    writes = [(each, full) for each in WHO.values() for full in EVERY_TOPIC if may_write(each, full)]
    assert len(EVERY_TOPIC) >= 80
    assert {each for each, _ in reads} == {"site", "recorder", "viewer", "operator", "technician"}
    assert {each for each, _ in writes} == {"site", "recorder", "operator", "technician"}


@pytest.mark.parametrize(("own", "arrives"), [(SITE, True), (OTHER, False), ("hue", False)])
def test_a_will_is_under_the_same_rights(centre: Centre, all_seeing: Peer, own: str, arrives: bool) -> None:
    """It is the one message that is published without a PUBLISH."""
    full, payload = f"diemcau/v1/{SITE}/status", f"will of {own}".encode()
    Peer(centre, centre.own(own), f"will-of-{own}", is_local=True, will=(full, payload)).vanish()
    wait_for(lambda: f"Client will-of-{own} closed its connection" in centre.log, "mosquitto sees that it has gone")
    all_seeing.settle()
    assert all_seeing.topics(payload) == ({full} if arrives else set())


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


def is_admitted(centre: Centre, own: Pair | None, is_local: bool) -> bool:
    try:
        Peer(centre, own, is_local=is_local).close()
    except RefusedError:
        return False
    return True


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
    for port in (centre.port, centre.local_port):
        client.connect("127.0.0.1", port, keepalive=5)
        while not client.loop(timeout=1):
            pass
    assert not connected.is_set()
    listeners = (centre.folder / "broker/mosquitto.conf").read_text().split("\nlistener ")[1:]
    assert [each.count("\nrequire_certificate true") for each in listeners] == [1, 1]
    with pytest.raises(ConfigError, match="plain mqtt:// is for this machine only"):
        parse_identity('site = "chi-linh"\n[broker]\nurl = "mqtt://broker.example"', "agent.toml")


@pytest.fixture
def small(mosquitto_program: str) -> Iterator[Centre]:
    """Three sites; for tests that change who is admitted."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        made = Centre(Path(name), mosquitto_program)
        made.site("add", SITE, OTHER, "kinh-mon", "--broker", "mqtts://127.0.0.1:8883")
        made.start()
        yield made
        made.close()


def test_a_stolen_card_is_locked_out_by_a_reload_and_others_notice_nothing(small: Centre) -> None:
    seeing = Peer(small, small.issued("all-seeing"), is_local=True)
    seeing.subscribe(["#"])
    stolen, other = Peer(small, small.own(SITE)), Peer(small, small.own(OTHER))
    for site, peer in ((SITE, stolen), (OTHER, other)):
        peer.subscribe([f"diemcau/v1/{site}/command"])
        assert all(peer.publish([f"diemcau/v1/{site}/power"], b"before", retain=False).values())
    small.site("revoke", SITE)
    small.reload()
    assert not is_admitted(small, small.own(SITE), False)
    if not stolen.ended.is_set():  # mosquitto keeps what is connected: without any rights
        assert not any(stolen.publish([f"diemcau/v1/{SITE}/power"], b"after", retain=False).values())
    seeing.publish([f"diemcau/v1/{each}/command" for each in (SITE, OTHER)], b"after", retain=False)
    other.settle()
    assert other.topics(b"after") == {f"diemcau/v1/{OTHER}/command"}
    assert all(other.publish([f"diemcau/v1/{OTHER}/power"], b"after", retain=False).values())
    if not stolen.ended.is_set():
        stolen.settle()
    assert not stolen.topics(b"after")
    seeing.settle()
    assert f"diemcau/v1/{SITE}/power" not in seeing.topics(b"after")
    small.restart()
    assert stolen.ended.wait(5)
    assert not is_admitted(small, small.own(SITE), False)
    assert is_admitted(small, small.own(OTHER), False)
    for each in (seeing, stolen, other):
        each.close()


def test_a_second_revocation_and_a_replaced_box_need_a_reload_each(small: Centre) -> None:
    """Each list takes the place of the one before."""
    old, lost = small.copy(SITE), small.copy(OTHER)
    small.site("revoke", OTHER)
    small.reload()
    small.site("renew", SITE)
    small.reload()
    assert is_admitted(small, old, False)
    small.site("renew", SITE, "--revoke-old")
    small.reload()
    assert not is_admitted(small, old, False)
    assert is_admitted(small, small.own(SITE), False)
    small.site("add", OTHER)
    small.reload()
    assert is_admitted(small, small.own(OTHER), False)
    assert not is_admitted(small, lost, False)
    assert is_admitted(small, small.own("kinh-mon"), False)


def test_without_anybody_enrolled_nobody_may_do_anything(small: Centre) -> None:
    for each in (SITE, OTHER, "kinh-mon"):
        small.site("revoke", each)
    acl = small.folder / "broker" / "acl"
    acl.write_text(acl.read_text().partition("\nuser all-seeing")[0])
    small.restart()
    stranger = Peer(small, small.issued("la"))
    assert not any(stranger.publish(EVERY_TOPIC, b"x", retain=True).values())
    stranger.subscribe(["#"])
    stranger.settle()
    assert not stranger.heard
    stranger.close()


def test_a_real_agent_and_the_centres_commands_live_with_these_rights(
    centre: Centre, all_seeing: Peer, site: Callable[..., Site]
) -> None:
    box = site(None, [{"at_s": 0, "do": "arrive", "people": 3}])
    (box.folder / "agent.toml").write_text(here(centre, SITE, "agent.toml"))
    seen, logged = len(all_seeing.heard), len(centre.log)
    box.start()
    box.write(b"\n")  # the button
    names = {"status", "about", "power", "readiness", "headcount", "health", "history/event"}
    want = {f"diemcau/v1/{SITE}/{name}" for name in names}
    wait_for(lambda: want <= {topic for topic, _, _ in all_seeing.heard[seen:]}, f"all of them: {box.log[-800:]}")
    answers_of = {each: command(centre, box.folder, each) for each in ("lan", "hue")}
    assert answers_of["lan"].returncode == 0, answers_of["lan"].stderr
    assert answers_of["hue"].returncode == 1
    assert "Traceback" not in answers_of["hue"].stderr
    box.close()
    denied = set(re.findall(r"Denied PUBLISH from (\S+) .*'(diemcau/\S+)'", centre.log[logged:]))
    assert ("hue", f"diemcau/v1/{SITE}/command") in denied
    assert {full for who, full in denied if who == SITE} <= {f"diemcau/v1/{SITE}/simulated/truth"}
    listened = {topic for topic, said, _ in all_seeing.heard[seen:] if topic.startswith(f"diemcau/v1/{SITE}/")}
    assert listened <= {f"diemcau/v1/{SITE}/{name}" for name in FROM_SITE | {"command"}}


def here(centre: Centre, id_: str, file: str) -> str:
    """An identity file as it was made, for files and a port that are elsewhere."""
    text = (centre.folder / "out" / id_ / file).read_text()
    return text.replace("/etc/diemcau/", f"{centre.folder}/out/{id_}/").replace(":8883", f":{centre.port}")


def command(centre: Centre, folder: Path, who: str) -> "subprocess.CompletedProcess[str]":
    (folder / f"{who}.toml").write_text(here(centre, who, "centre.toml"))
    argv = [sys.executable, "-m", "agent", "identify", SITE, "--within", "10", "--centre", str(folder / f"{who}.toml")]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def test_no_secret_is_in_any_file_or_log_but_the_key_files(centre: Centre, capfd: pytest.CaptureFixture[str]) -> None:
    centre.site("renew", "minh")
    with pytest.raises(ConfigError):
        centre.site("revoke", "nobody")
    printed = capfd.readouterr()
    files = [each for each in centre.folder.rglob("*") if each.is_file()]
    keys = [each for each in files if each.suffix == ".key"]
    bodies = {line for each in keys for line in each.read_text().splitlines() if not line.startswith("-----")}
    assert len(keys) >= 8
    assert len(bodies) >= 3 * 8
    texts = {str(each): each.read_text(errors="replace") for each in files if each not in keys}
    for where, text in {**texts, "stdout": printed.out, "stderr": printed.err}.items():
        assert "PRIVATE KEY" not in text, where
        assert not [line for line in bodies if line in text], where
