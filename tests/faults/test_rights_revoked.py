"""FAULTS 56: a card is stolen, a box is replaced, a password is changed."""

import os
import signal
from pathlib import Path

import pytest

from tests.faults.rights_bed import BY_PASSWORD, OTHER, SITE, Centre, Peer, is_admitted


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
    assert is_admitted(small, small.by_password(BY_PASSWORD))


def test_a_password_that_was_changed_or_taken_back_ends_the_open_connection_too(small: Centre) -> None:
    first, other = Peer(small, small.by_password(BY_PASSWORD)), Peer(small, small.own(OTHER))
    known = Path(small.by_password(BY_PASSWORD).password_file).read_text()
    small.site("renew", BY_PASSWORD)
    small.reload()
    assert first.ended.wait(5)
    assert not is_admitted(small, small.by_password(BY_PASSWORD, known))
    second = Peer(small, small.by_password(BY_PASSWORD))
    small.site("revoke", BY_PASSWORD)
    small.reload()
    assert second.ended.wait(5)
    assert not is_admitted(small, small.by_password(BY_PASSWORD))
    other.settle()
    for each in (first, second, other):
        each.close()


@pytest.fixture
def has_systemctl(small: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ``systemctl`` that knows of this broker alone."""
    folder = small.folder / "bin"
    folder.mkdir()
    program = folder / "systemctl"
    program.write_text(f'#!/bin/sh\n[ "$*" = "reload mosquitto" ] && kill -{int(signal.SIGHUP)} {small.pid}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.usefixtures("has_systemctl")
def test_on_the_brokers_machine_an_old_certificate_goes_on_and_that_is_said(
    small: Centre, capfd: pytest.CaptureFixture[str]
) -> None:
    """Client ids are free there, so nobody's place can be taken."""
    small.site("add", "lan", "--role", "operator")
    small.reload()
    old = small.copy("lan")
    outside, inside = Peer(small, old), Peer(small, old, is_local=True)
    small.site("renew", "lan", "--revoke-old", "--reload")
    assert "port 8884 with an old certificate keeps its rights" in capfd.readouterr().err
    assert outside.ended.wait(5)
    assert all(inside.publish([f"diemcau/v1/{SITE}/command"], b"x", retain=False).values())
    small.site("revoke", "lan", "--reload")
    assert not any(inside.publish([f"diemcau/v1/{SITE}/command"], b"x", retain=False).values())
    small.site("add", "lan", "--role", "operator")
    assert "gets its rights back: restart the broker" in capfd.readouterr().err
    small.reload()
    assert all(inside.publish([f"diemcau/v1/{SITE}/command"], b"x", retain=False).values())
    small.restart()
    assert inside.ended.wait(5)
    assert not is_admitted(small, old, is_local=True)
    for each in (outside, inside):
        each.close()


@pytest.mark.usefixtures("has_systemctl")
@pytest.mark.parametrize("how", [["revoke", SITE], ["renew", SITE, "--revoke-old"], ["revoke", BY_PASSWORD]])
def test_what_is_taken_back_with_reload_is_out_at_once_and_stays_out(small: Centre, how: list[str]) -> None:
    thief = small.by_password(BY_PASSWORD) if BY_PASSWORD in how else small.copy(SITE)
    stolen, other = Peer(small, thief), Peer(small, small.own(OTHER))
    small.site(*how, "--reload")
    assert stolen.ended.wait(5)
    assert not is_admitted(small, thief)
    assert "renew" not in how or is_admitted(small, small.own(SITE))
    other.settle()  # it noticed nothing
    for each in (stolen, other):
        each.close()
