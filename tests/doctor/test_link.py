"""The broker and what we show it, from an identity and how far the knock came."""

import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.adapters.broker_check import Knock, knock
from agent.adapters.errands import Outcome
from agent.adapters.mosquitto import Mosquitto
from agent.adapters.units import Unit
from agent.core.diagnosis import Diagnosis
from agent.core.identity import BrokerSection, Identity
from agent.doctor import box, examine, link
from tests.adapters.pki import SERVER, Authority, broker_of
from tests.conftest import Ear, Site, wait_for
from tests.doctor.scenes import STRANGER, named, scene

SITE = "chi-linh"
THROUGH = Knock("through", addresses=("127.0.0.1",), expires=datetime.now(UTC) + timedelta(days=99))


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def look(section: BrokerSection, came: Knock = THROUGH) -> list[Diagnosis]:
    return link.broker(scene(Path("/")), Identity(site=SITE, broker=section), Outcome(came))


def own(ca: Authority, pair: tuple[Path, Path], came: Knock = THROUGH) -> Diagnosis:
    return named(look(broker_of(8883, ca.pem, pair), came), "broker.certificate")


def test_where_all_is_well_everything_is_ok_in_the_order_of_the_way(ca: Authority) -> None:
    found = look(broker_of(8883, ca.pem, ca.issue(SITE)))
    assert [each.name for each in found] == [
        "broker.name", "broker.port", "broker.tls", "broker.ca", "broker.certificate",
    ]  # fmt: skip
    assert {each.state for each in found} == {"ok"}
    assert {each.group for each in found} == {"connect"}
    assert found[-1].seen.startswith("chi-linh: 20")


@pytest.mark.parametrize(
    ("came", "name", "reason"),
    [
        (Knock("name", "name_unknown", "no"), "broker.name", "name_unknown"),
        (Knock("port", "refused", "no", ("::1",)), "broker.port", "refused"),
        (Knock("tls", "server_unknown", "no", ("::1",)), "broker.tls", "server_unknown"),
    ],
)
def test_what_lies_behind_a_failure_is_left_out(ca: Authority, came: Knock, name: str, reason: str) -> None:
    found = look(broker_of(8883, ca.pem, ca.issue(SITE)), came)
    way = [each for each in found if each.name in ("broker.name", "broker.port", "broker.tls")]
    assert (way[-1].name, way[-1].state, way[-1].reason) == (name, "failed", reason)
    assert all(each.state == "ok" for each in way[:-1])


def test_a_broker_whose_certificate_ends_soon_is_a_warning(ca: Authority) -> None:
    came = Knock("through", addresses=("::1",), expires=datetime.now(UTC) + timedelta(days=9.5))
    tls = named(look(broker_of(8883, ca.pem, ca.issue(SITE)), came), "broker.tls")
    assert (tls.state, tls.reason) == ("warning", "expires_soon: 9")
    assert tls.seen.endswith("(9 d)")


def test_our_own_certificate_is_judged_by_its_time_its_name_and_its_use(ca: Authority) -> None:
    assert own(ca, ca.issue(SITE, to_days=29.5)).reason == "expires_soon: 29"
    assert own(ca, ca.issue(SITE, to_days=29.5)).state == "warning"
    assert own(ca, ca.issue(SITE, -9, -1)).reason == "expired"
    assert own(ca, ca.issue(SITE, 1, 9)).reason == "not_yet_valid"
    assert own(ca, ca.issue("hai-duong")).reason == "other_site"
    assert own(ca, ca.issue(SITE, use=SERVER)).reason == "not_for_clients"


def test_an_end_within_the_day_is_a_failure_for_each_certificate_of_the_way(tmp_path: Path) -> None:
    old = Authority(tmp_path, "old", to_days=0.5)
    came = Knock("through", addresses=("::1",), expires=datetime.now(UTC) + timedelta(days=0.5))
    found = look(broker_of(8883, old.pem, old.issue(SITE, to_days=0.5)), came)
    for name in ("broker.tls", "broker.ca", "broker.certificate"):
        assert (named(found, name).state, named(found, name).reason) == ("failed", "expires_within_day: 0")


def test_an_end_within_the_day_hides_nothing_that_is_worse(ca: Authority) -> None:
    refused = Knock("welcome", "client_refused", "TLSV1_ALERT_UNKNOWN_CA", ("::1",))
    assert own(ca, ca.issue(SITE, to_days=0.5), refused).reason == "client_refused"
    assert own(ca, ca.issue("hai-duong", to_days=0.5)).reason == "other_site"
    assert own(ca, ca.issue(SITE, to_days=0.5, use=SERVER)).reason == "not_for_clients"


def test_all_files_that_are_missing_are_named(tmp_path: Path) -> None:
    pem, key, authority = tmp_path / "site.pem", tmp_path / "site.key", tmp_path / "ca.pem"
    found = look(broker_of(8883, authority, (pem, key)))
    certificate = named(found, "broker.certificate")
    assert (certificate.state, certificate.reason) == ("failed", "no_file")
    assert certificate.seen == f"{pem}, {key}"
    assert (named(found, "broker.ca").reason, named(found, "broker.ca").seen) == ("no_file", str(authority))


def test_two_files_with_two_troubles_keep_their_own_words(tmp_path: Path, ca: Authority) -> None:
    unit = Unit("diemcau-agent.service", "loaded", hidden=(str(tmp_path / "hidden"),))
    section = broker_of(8883, ca.pem, (tmp_path / "none.pem", tmp_path / "hidden" / "site.key"))
    found = link.broker(scene(tmp_path, unit), Identity(site=SITE, broker=section), Outcome(THROUGH))
    certificate = named(found, "broker.certificate")
    assert certificate.reason == "no_file"
    assert certificate.seen == f"{section.certificate}, {section.key} (hidden)"


def test_files_of_no_use_are_named(tmp_path: Path, ca: Authority) -> None:
    one, other = ca.issue(SITE), ca.issue("other")
    (tmp_path / "text.pem").write_text("hello")
    missing = own(ca, (tmp_path / "none.pem", one[1]))
    assert (missing.state, missing.reason, missing.seen) == ("failed", "no_file", str(tmp_path / "none.pem"))
    assert own(ca, (one[0], other[1])).reason == "key_differs"
    assert own(ca, (tmp_path / "text.pem", one[1])).reason == "not_pem"
    assert own(ca, ca.issue(SITE, password=b"x", file="locked")).reason == "key_encrypted"
    assert own(ca, (tmp_path, one[1])).state == "failed"


def test_a_key_that_everybody_can_read_is_a_warning(ca: Authority) -> None:
    pair = ca.issue(SITE)
    pair[1].chmod(0o644)
    assert own(ca, pair).reason == "key_open"


def test_a_file_that_the_unit_does_not_see_is_told_though_we_see_it(tmp_path: Path, ca: Authority) -> None:
    unit = Unit("diemcau-agent.service", "loaded", hidden=(str(tmp_path),))
    identity = Identity(site=SITE, broker=broker_of(8883, ca.pem, ca.issue(SITE)))
    found = link.broker(scene(tmp_path, unit), identity, Outcome(THROUGH))
    assert named(found, "broker.ca").reason == "hidden"
    assert named(found, "broker.certificate").reason == "hidden"


def test_what_nobody_can_tell_of_the_services_user_is_no_failure(tmp_path: Path, ca: Authority) -> None:
    identity = Identity(site=SITE, broker=broker_of(8883, ca.pem, ca.issue(SITE)))
    found = link.broker(scene(tmp_path, who=STRANGER), identity, Outcome(THROUGH))
    assert {each.state for each in found} == {"ok"}


def test_a_refusal_is_told_where_the_file_itself_is_fine_and_else_the_file_is(ca: Authority) -> None:
    refused = Knock("welcome", "client_refused", "TLSV1_ALERT_UNKNOWN_CA", ("::1",))
    assert own(ca, ca.issue(SITE), refused).reason == "client_refused"
    assert own(ca, ca.issue(SITE, to_days=9), refused).reason == "client_refused"
    assert own(ca, ca.issue(SITE, -9, -1), refused).reason == "expired"


def test_a_broker_that_wants_a_certificate_and_gets_none(ca: Authority) -> None:
    section = broker_of(8883, ca.pem, None)
    assert named(look(section), "broker.certificate").reason == "no_credentials"
    wanted = named(look(section, Knock("welcome", "certificate_wanted")), "broker.certificate")
    assert (wanted.state, wanted.reason) == ("failed", "certificate_wanted")


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [("secret\n", 0o600, None), ("\n", 0o600, "empty"), ("", 0o600, "empty"), ("secret", 0o644, "key_open")],
)
def test_a_password_file_is_looked_at_and_its_text_never_told(
    tmp_path: Path, content: str, mode: int, reason: str | None
) -> None:
    path = tmp_path / "password"
    path.write_text(content)
    path.chmod(mode)
    section = BrokerSection(url="mqtts://127.0.0.1:8883", username=SITE, password_file=str(path))
    found = named(look(section), "broker.password")
    assert found.reason == reason
    assert "secret" not in repr(look(section))


def test_a_ca_file_of_no_use_is_told_once(tmp_path: Path, ca: Authority) -> None:
    (tmp_path / "text").write_text("hello")
    identity = Identity(site=SITE, broker=broker_of(8883, tmp_path / "text", ca.issue(SITE)))
    came = Knock("ca", "not_pem", str(tmp_path / "text"), ("127.0.0.1",))
    found = link.broker(scene(tmp_path), identity, Outcome(came))
    assert [(each.name, each.state) for each in found] == [
        ("broker.name", "ok"),
        ("broker.port", "ok"),
        ("broker.ca", "failed"),
        ("broker.certificate", "ok"),
    ]


def test_a_name_server_that_says_nothing_is_a_warning(tmp_path: Path) -> None:
    identity = Identity(site=SITE, broker=BrokerSection(url="mqtt://localhost"))
    (found,) = link.broker(scene(tmp_path), identity, Outcome(is_late=True))
    assert (found.name, found.state, found.reason) == ("broker.name", "warning", "too_slow")


def test_this_machines_own_broker_needs_no_credentials() -> None:
    found = look(BrokerSection(url="mqtt://127.0.0.1:1883"), Knock("through", addresses=("127.0.0.1",)))
    assert [(each.name, each.state) for each in found] == [("broker.name", "ok"), ("broker.port", "ok")]


def test_an_expired_ca_and_one_that_was_renewed_beside_it(tmp_path: Path) -> None:
    old, new = Authority(tmp_path, "old", -99, -1), Authority(tmp_path, "new")
    assert named(look(broker_of(8883, old.pem, None)), "broker.ca").reason == "expired"
    both = tmp_path / "both.pem"
    both.write_bytes(old.pem.read_bytes() + new.pem.read_bytes())
    assert named(look(broker_of(8883, both, None)), "broker.ca").state == "ok"


def tried(running: Site, path: Path) -> dict[str, Diagnosis]:
    return {each.name: each for each in examine(path, running.folder / "state", running.folder / "room.toml").checks}


def test_a_broker_or_ca_that_does_not_answer_is_told_before_the_restart_and_costs_the_link_only(
    tmp_path: Path,
    ca: Authority,
    broker: Mosquitto,
    ear: Ear,
    site: Callable[..., Site],
    request: pytest.FixtureRequest,
) -> None:
    """FAULTS 39."""
    running = site(broker.url, [])
    running.start()
    first = ear.wait("/status", lambda said: said["state"] == "running", "the agent is there")
    own = running.folder / "agent.toml"
    (taken,) = box.running(running.folder / "state", own)
    assert (taken.state, str(own) in taken.seen) == ("ok", True)

    pem, key = ca.issue(SITE)
    with_tls = Mosquitto(tmp_path, extra=ca.server())
    with_tls.start()
    request.addfinalizer(with_tls.close)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proof = f'certificate = "{pem}"\nkey = "{key}"\n'
        new = tmp_path / "new.toml"
        text = f'site = "{SITE}"\n[broker]\nurl = "mqtts://127.0.0.1:{{port}}"\nca = "{{ca}}"\n{proof}'
        new.write_text(text.format(port=with_tls.port, ca=Authority(tmp_path, "other").pem))
        found = tried(running, new)
        assert (found["broker.tls"].state, found["broker.tls"].reason) == ("failed", "server_unknown")
        assert (found["box.running"].state, found["box.running"].reason) == ("warning", "other_file")
        assert "until it is restarted the service runs with this file" in found["box.running"].seen
        new.write_text(text.format(port=with_tls.port, ca=ca.pem))
        assert {found.state for name, found in tried(running, new).items() if name.startswith("broker.")} == {"ok"}
        new.write_text(text.format(port=silent.getsockname()[1], ca=ca.pem))
        nobody = broker_of(silent.getsockname()[1], ca.pem, (pem, key))
        assert named(look(nobody, knock(nobody, patience_s=0.3)), "broker.tls").reason == "tls_silent"

        ear.forget()
        running.write(b"\n")
        ear.wait("/power", lambda said: said["state"] == "on", "the button works")
        again = ear.wait("/status", lambda said: said["state"] == "running", "it has not been thrown out")
        assert (again["session"], again["connection"]) == (first["session"], first["connection"])

        new.replace(own)  # in spite of all that
        wait_for(
            lambda: not own.touch() and box.running(running.folder / "state", own)[0].reason == "not_taken", "told"
        )
        running.close()
        assert box.running(running.folder / "state", own) == []
        before = len(running.log)
        running.start()
        wait_for(lambda: "power: on" in running.log[before:], "the relays are as they were, without a link")
        running.write(b"hold\n")
        wait_for(lambda: "power: off" in running.log[before:], "the button works")
