"""Who may do what at a real mosquitto with the files that ``diemcau site`` makes: judged by what arrives."""

import pytest

from tests.conftest import wait_for
from tests.faults.rights_bed import BY_PASSWORD, FROM_SITE, OTHER, SITE, TO_SITE, WHO, Centre, Peer, peer_of

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
    """The contract's table of rights, column *reads*; and Home Assistant's."""
    own = full.removeprefix(f"diemcau/v1/{SITE}/")
    match role:
        case "site":
            return own in TO_SITE | {"status"} or full in ("diemcau/v1/_all/command", "homeassistant/status")
        case "recorder" | "technician":
            return full.startswith("diemcau/v1/")
        case "home" if full.startswith("homeassistant/"):
            return True
        case "viewer" | "operator" | "home":
            return full.startswith("diemcau/v1/") and not full.endswith(("/config/desired", "/config/running"))
    return False


def may_write(role: str, full: str) -> bool:
    """The contract's table of rights, column *writes*; and Home Assistant's."""
    _, _, name = full.removeprefix("diemcau/v1/").partition("/")
    if not full.startswith("diemcau/v1/"):
        own = {"site": f"homeassistant/device/diemcau-{SITE}/config", "home": "homeassistant/status"}
        return full == own.get(role)
    writes = {"recorder": {"history/ack"}, "operator": {"command", "conference"}}
    writes["technician"] = writes["operator"] | {"config/desired", "config/confirm"}
    if role == "site":
        return full.startswith(f"diemcau/v1/{SITE}/") and name in FROM_SITE
    return name in writes.get(role, set())


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


def test_a_site_with_a_password_has_the_same_rights_and_no_more(centre: Centre, all_seeing: Peer) -> None:
    writer = Peer(centre, centre.by_password(BY_PASSWORD))
    topics = [f"diemcau/v1/{each}/{name}" for each in (BY_PASSWORD, SITE) for name in FROM_SITE | TO_SITE]
    said_yes = writer.publish(topics, b"by password", retain=False)
    all_seeing.settle()
    own = {f"diemcau/v1/{BY_PASSWORD}/{name}" for name in FROM_SITE}
    assert all_seeing.topics(b"by password") == {full for full, yes in said_yes.items() if yes} == own
    writer.subscribe(["#"])
    all_seeing.publish(topics, b"for it", retain=False)
    writer.settle()
    writer.close()
    assert writer.topics(b"for it") == {f"diemcau/v1/{BY_PASSWORD}/{name}" for name in TO_SITE | {"status"}}


def test_home_assistant_with_a_password_reads_the_documents_and_says_that_it_is_there(small: Centre) -> None:
    small.site("add", "nha", "--role", "home", "--password")
    small.reload()
    box, home = Peer(small, small.own(SITE)), Peer(small, small.by_password("nha"))
    document = f"homeassistant/device/diemcau-{SITE}/config"
    box.publish([document], b"document", retain=True)
    box.subscribe(["homeassistant/status"])
    home.subscribe(["homeassistant/#"])
    said_yes = home.publish(["homeassistant/status", document, f"diemcau/v1/{SITE}/command"], b"online", retain=False)
    assert [each for each, yes in said_yes.items() if yes] == ["homeassistant/status"]
    for each in (box, home):
        each.settle()
        each.close()
    assert home.topics(b"document") == {document}
    assert box.topics(b"online") == {"homeassistant/status"}


def test_every_topic_was_tried_by_every_role_in_both_directions() -> None:
    reads = [(each, full) for each in WHO.values() for full in EVERY_TOPIC if may_read(each, full)]
    writes = [(each, full) for each in WHO.values() for full in EVERY_TOPIC if may_write(each, full)]
    assert len(EVERY_TOPIC) >= 80
    assert {each for each, _ in reads} == {"site", "recorder", "viewer", "operator", "technician", "home"}
    assert {each for each, _ in writes} == {"site", "recorder", "operator", "technician", "home"}


@pytest.mark.parametrize(("own", "arrives"), [(SITE, True), (OTHER, False), ("hue", False)])
def test_a_will_is_under_the_same_rights(centre: Centre, all_seeing: Peer, own: str, arrives: bool) -> None:
    """It is the one message that is published without a PUBLISH."""
    full, payload = f"diemcau/v1/{SITE}/status", f"will of {own}".encode()
    Peer(centre, centre.own(own), f"will-of-{own}", is_local=True, will=(full, payload)).vanish()
    wait_for(lambda: f"Client will-of-{own} closed its connection" in centre.log, "mosquitto sees that it has gone")
    all_seeing.settle()
    assert all_seeing.topics(payload) == ({full} if arrives else set())


def test_without_anybody_enrolled_nobody_may_do_anything(small: Centre) -> None:
    for each in (SITE, OTHER, BY_PASSWORD):
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
