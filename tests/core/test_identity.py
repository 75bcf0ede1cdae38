"""agent/core/identity.py: who a box or the centre is towards the broker."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.errors import ConfigError
from agent.core.identity import broker_at, is_loopback, is_site_id, parse_centre, parse_identity
from tests.core.rig import examples

CONTRACT = """
site = "chi-linh"
[broker]
url = "mqtts://broker.example:8883"
ca = "/etc/diemcau/ca.pem"
certificate = "/etc/diemcau/site.pem"
key = "/etc/diemcau/site.key"
"""
LOOKS = "should look like mqtts://broker.example:8883"


def identity(url: str = "mqtts://broker.example", site: str = "chi-linh", more: str = "") -> str:
    return f'site = "{site}"\n[broker]\nurl = "{url}"\n{more}\n'


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        parse_identity(text, "agent.toml")
    return [str(problem) for problem in refusal.value.problems]


def test_the_file_of_the_contract_is_one() -> None:
    found = parse_identity(CONTRACT, "agent.toml")
    assert found.site == "chi-linh"
    assert (found.broker.host, found.broker.port, found.broker.tls) == ("broker.example", 8883, True)


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("mqtts://broker.example", "broker.example", 8883, True),
        ("mqtts://broker.example:1", "broker.example", 1, True),
        ("mqtts://[2001:db8::1]:8884", "2001:db8::1", 8884, True),
        ("mqtt://localhost", "localhost", 1883, False),
        ("mqtt://127.0.0.1:4444", "127.0.0.1", 4444, False),
        ("mqtt://127.9.9.9", "127.9.9.9", 1883, False),
        ("mqtt://[::1]:4444", "::1", 4444, False),
        ("MQTTS://Broker.Example", "broker.example", 8883, True),
        ("mqtts://broker.example/", "broker.example", 8883, True),
        ("mqtts://broker.example:1/", "broker.example", 1, True),
    ],
)
def test_an_address_is_scheme_host_and_port(url: str, host: str, port: int, tls: bool) -> None:
    for broker in (broker_at(url), parse_identity(identity(url), "agent.toml").broker):
        assert (broker.host, broker.port, broker.tls) == (host, port, tls)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("broker.example", f"{LOOKS}, with a port from 1 to 65535"),
        ("broker.example:8883", f"{LOOKS}, with a port from 1 to 65535"),
        ("http://broker.example", f"{LOOKS}, with a port from 1 to 65535"),
        ("", f"{LOOKS}, with a port from 1 to 65535"),
        ("mqtts://h:65536", f"{LOOKS}, with a port from 1 to 65535"),
        ("mqtts://h:mqtt", f"{LOOKS}, with a port from 1 to 65535"),
        ("mqtts://[::1", f"{LOOKS}, with a port from 1 to 65535"),
        ("mqtts://", LOOKS),
        ("mqtts://:8883", LOOKS),
        ("mqtts://h:0", LOOKS),
        ("mqtts://h/site", LOOKS),
        ("mqtts://h:8883//site", LOOKS),
        ("mqtts://h?tls=1", LOOKS),
        ("mqtts://h#1", LOOKS),
        ("mqtts://h ", LOOKS),
        (" mqtts://h", LOOKS),
        ("mqtts://h\t.example", LOOKS),
        ("mqtts://h\u00a0h", LOOKS),
        ("mqtts://user@h", "no user or password in here: give username and password_file"),
        ("mqtts://user:word@h:8883", "no user or password in here: give username and password_file"),
        ("mqtts://@h", "no user or password in here: give username and password_file"),
        ("mqtt://user:word@far.example/x", "no user or password in here: give username and password_file"),
        (
            "mqtt://broker.example:1883",
            "plain mqtt:// is for this machine only (use mqtts://broker.example:8883)",
        ),
        ("mqtt://[2001:db8::1]", "plain mqtt:// is for this machine only (use mqtts://[2001:db8::1]:8883)"),
        ("mqtt://192.0.2.1", "plain mqtt:// is for this machine only (use mqtts://192.0.2.1:8883)"),
        (
            "mqtt://localhost.example",
            "plain mqtt:// is for this machine only (use mqtts://localhost.example:8883)",
        ),
    ],
)
def test_an_address_that_would_not_do_is_told_with_a_better_one(url: str, sentence: str) -> None:
    assert problems(identity(url)) == [f"broker.url: {sentence}"]
    with pytest.raises(ConfigError, match=r"--broker: broker\.url: "):
        broker_at(url)


@pytest.mark.parametrize(
    "url", ["http://far.example:1883", "mqtt+tls://far.example:1883", "//far.example:1883", "ws://[2001:db8::1]:1883"]
)
def test_a_port_makes_no_other_scheme_one_of_ours(url: str) -> None:
    (told,) = problems(identity(url))
    assert told.startswith(f"broker.url: {LOOKS}")


@pytest.mark.parametrize(
    "url",
    [
        "mqtts://user:secret@h",
        "mqtts://secret@h:mqtt",
        "mqtts://user:sec:secret@h:99999",
        "mqtts://user:1/secret@h",
        "mqtts://user:1?secret@h",
        "mqtts://user:1#secret@h",
        "mqtts://user:secret @h",
        "mqtts://user:[secret@h",
        "mqtt://user:secret@far.example",
        "user:secret@h",
        "user:secret@h:8883",
        "secret",
    ],
)
def test_an_address_that_would_not_do_is_not_quoted_for_it_may_hold_a_password(url: str) -> None:
    assert "secret" not in "".join(problems(identity(url)))
    with pytest.raises(ConfigError) as refusal:
        broker_at(url)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ('certificate = "c.pem"', "broker: certificate and key belong together: give both or neither"),
        ('key = "c.key"', "broker: certificate and key belong together: give both or neither"),
        ('username = "u"', "broker: username and password_file belong together: give both or neither"),
        ('password_file = "p"', "broker: username and password_file belong together: give both or neither"),
        ('pasword_file = "p"', "broker.pasword_file: this key does not exist (did you mean password_file?)"),
    ],
)
def test_half_a_credential_is_none(more: str, sentence: str) -> None:
    assert problems(identity(more=more)) == [sentence]


def test_every_problem_of_an_identity_is_found_at_once() -> None:
    text = 'site = "Chí Linh"\nsit = "x"\n[broker]\nurl = "mqtt://far.example"\nca = 7\nkey = "k"\n'
    assert [each.partition(":")[0] for each in problems(text)] == ["broker.ca", "sit", "broker.url", "broker", "site"]


def test_an_empty_file_names_what_is_needed() -> None:
    assert problems("") == [
        "site: this key is needed and is not there",
        "broker: this key is needed and is not there",
    ]


def test_the_centre_needs_no_site() -> None:
    centre = parse_centre('database = "sqlite:///c.db"\n[broker]\nurl = "mqtt://localhost"\n', "centre.toml")
    assert (centre.database, centre.broker.host) == ("sqlite:///c.db", "localhost")
    with pytest.raises(ConfigError, match=r"centre.toml: sites: this key does not exist; broker.url: plain mqtt"):
        parse_centre('sites = "a"\n[broker]\nurl = "mqtt://far.example"\n', "centre.toml")


def test_a_sites_file_in_the_centres_place_is_told_as_such() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_centre('site = "a"\n[broker]\nurl = "mqtt://localhost"\n', "agent.toml")
    assert str(refused.value) == "agent.toml: this is a site's identity file (name the centre's own)"


@pytest.mark.parametrize("text", ["a", "chi-linh", "0", "a-1-b", "a" * 63])
def test_a_site_id_is_words_joined_by_dashes(text: str) -> None:
    assert is_site_id(text)


@pytest.mark.parametrize(
    "text", ["", "A", "-", "-a", "a-", "a--b", "a_b", "a b", "a/b", "a.b", "+", "#", "í", "a\n", "١", "a" * 64]
)
def test_what_could_break_a_topic_or_a_client_id_is_no_site_id(text: str) -> None:
    assert not is_site_id(text)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.0.1", "::1"])
def test_this_machine_is_known_by_its_addresses(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "128.0.0.1", "localhost.example", "127.0.0.1.example", "::", "127.1"])
def test_what_is_not_surely_this_machine_is_not(host: str) -> None:
    assert not is_loopback(host)


URLS = st.one_of(
    st.text(max_size=30),
    st.text(max_size=20).map("mqtts://{}".format),
    st.from_regex(r"mqtts?://\S{1,20}"),
    st.from_regex(r"\A((mqtt|http|w)s?:)?//([a-z]{1,3}@)?[a-z.]{1,9}(:[0-9]{1,5})?/?\Z"),
)


@examples(120)
@given(url=URLS)
def test_any_address_is_one_with_host_and_port_or_a_problem(url: str) -> None:
    try:
        broker = broker_at(url)
    except ConfigError:
        return
    assert broker.host
    assert 0 < broker.port < 65536
    assert broker.tls or is_loopback(broker.host)


@examples(60)
@given(text=st.text(max_size=80), place=st.integers(0, len(CONTRACT)))
def test_any_text_is_an_identity_or_a_list_of_problems(text: str, place: int) -> None:
    for document in (text, CONTRACT[:place] + text + CONTRACT[place:]):
        try:
            found = parse_identity(document, "agent.toml")
        except ConfigError:
            continue
        assert is_site_id(found.site)
