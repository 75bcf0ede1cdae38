"""What keeps a box well: config.txt against the room, the watchdog, the release."""

from pathlib import Path

import pytest

from agent.adapters import manager
from agent.adapters.manager import Watchdog
from agent.core.boot_levels import boot_lines, levels
from agent.core.config import PowerSection, parse_room
from agent.core.diagnosis import boot_levels, watchdog
from agent.doctor import upkeep
from tests.doctor.scenes import scene, served

FRAGMENT = Path(__file__).resolve().parents[2] / "firmware-config" / "diemcau.config.txt"
LOADS = ((5, False), (6, False), (20, True))


def power(*loads: tuple[int, bool]) -> PowerSection:
    text = "".join(
        f'[[power.loads]]\nname = "load{pin}"\npin = {pin}\nactive_high = {str(is_high).lower()}\n'
        for pin, is_high in loads
    )
    return parse_room(text, "room.toml", json_document=False).power


def test_the_levels_that_the_installer_writes_are_the_ones_that_are_wanted() -> None:
    text = "\n".join(boot_lines(LOADS, 17))
    assert boot_levels(text, power(*LOADS)) == (("ok", None), "")
    assert boot_levels(FRAGMENT.read_text(encoding="ascii"), power((5, False), (6, False))) == (("ok", None), "")


def test_a_load_that_would_come_on_with_the_power_is_told_from_one_that_is_left_to_chance() -> None:
    turned = "gpio=5,6=op,dl\ngpio=17=ip,pu"
    assert boot_levels(turned, power((5, False))) == (("warning", "levels_wrong"), "GPIO5 dl,op ≠ dh,op")
    missing, seen = boot_levels("gpio=17=ip,pu", power((5, False), (20, True)))
    assert missing == ("warning", "levels_missing")
    assert seen == "GPIO5 — ≠ dh,op; GPIO20 — ≠ dl,op"


def test_a_pin_that_was_a_load_and_is_the_button_now_is_told() -> None:
    room = power((5, False)).model_copy(update={"button": power().button.model_copy(update={"pin": 6})})
    assert boot_levels("gpio=5,6=op,dh", room)[0] == ("warning", "levels_wrong")


def test_a_config_txt_is_read_as_the_firmware_does() -> None:
    text = "#gpio=4=op,dl\n gpio=5-7=op,dl\r\ngpio=6=ip,pu\n[pi4]\ngpio=8=op,dh\n[all]\ngpio=9=op,dh\ngpio=1-=op"
    assert levels(text) == {
        5: frozenset({"op", "dl"}), 6: frozenset({"ip", "pu"}), 7: frozenset({"op", "dl"}), 9: frozenset({"op", "dh"}),
        1: frozenset({"op"}),
    }  # fmt: skip
    assert levels("gpio=0-99999999999=op,dl").keys() == set(range(100))


def test_the_file_is_looked_for_in_both_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = tmp_path / "firmware", tmp_path / "config.txt"
    monkeypatch.setattr(upkeep, "CONFIG_TXT", (new, old))
    assert upkeep.levels(power((5, False))) == []
    old.write_bytes(b"gpio=5=op,dl\n\xff\n")
    assert upkeep.levels(power()) == [], "no loads, nothing to compare"
    (found,) = upkeep.levels(power((5, False)))
    assert (found.state, found.reason) == ("warning", "levels_wrong")
    new.write_text("\n".join(boot_lines([(5, False)], 17)))
    (found,) = upkeep.levels(power((5, False)))
    assert (found.state, found.seen) == ("ok", str(new))


@pytest.mark.parametrize(
    ("is_there", "timeout_s", "is_fed", "reason"),
    [
        (True, 12.0, True, None),
        (True, 12.0, None, None),
        (True, 12.0, False, "watchdog_off"),
        (True, 0.0, None, "watchdog_off"),
        (True, 60.0, True, "watchdog_long"),
        (False, 12.0, None, "no_watchdog"),
        (True, None, None, "not_examined"),
    ],
)
def test_a_watchdog_has_to_be_there_and_fed_and_within_what_the_hardware_counts(
    is_there: bool, timeout_s: float | None, is_fed: bool | None, reason: str | None
) -> None:
    assert watchdog(is_there, timeout_s, is_fed) == ("ok" if reason is None else "warning", reason)


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("RuntimeWatchdogUSec=12s\nWatchdogLastPingTimestampMonotonic=81233\n", Watchdog(12.0, True)),
        ("RuntimeWatchdogUSec=1min 500ms\nWatchdogLastPingTimestampMonotonic=0\n", Watchdog(60.5, False)),
        ("RuntimeWatchdogUSec=0\n", Watchdog(0.0, None)),
        ("RuntimeWatchdogUSec=infinity\n", Watchdog(0.0, None)),
        ("RuntimeWatchdogUSec=a while\n", Watchdog(None, None)),
        ("", Watchdog(None, None)),
    ],
)
def test_what_systemd_says_of_it_is_read(said: str, read: Watchdog) -> None:
    assert manager.parse(said) == read


def test_without_systemd_nobody_asks_about_a_watchdog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert upkeep.hardware_watchdog(scene(tmp_path)) == []
    monkeypatch.setattr(upkeep, "WATCHDOG", tmp_path / "none")
    (found,) = upkeep.hardware_watchdog(served(tmp_path))
    assert (found.state, found.reason) == ("warning", "no_watchdog")


def test_a_release_on_trial_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "RELEASES", tmp_path)
    assert upkeep.release() == []
    (tmp_path / "releases" / "0.2.0").mkdir(parents=True)
    (tmp_path / "current").symlink_to("releases/0.2.0")
    (found,) = upkeep.release()
    assert (found.state, found.seen) == ("ok", str(tmp_path / "releases" / "0.2.0"))
    (tmp_path / "trial").write_text("0.1.0\n")
    (found,) = upkeep.release()
    assert (found.state, found.reason) == ("warning", "on_trial")
