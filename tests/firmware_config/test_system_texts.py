"""firmware-config/: what systemd, the journal, the kernel and udev read is what they understand, and bounded."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.installer.boot_text import TEXTS, TMP_MOUNT

FOLDER = Path(__file__).resolve().parents[2] / "firmware-config"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
NAMES = sorted(path.name for path in FOLDER.glob("diemcau.*") if path.name != "diemcau.config.txt")


def section(name: str, title: str) -> dict[str, str]:
    """The settings of one section of a file in systemd's form."""
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((FOLDER / name).read_text(encoding="utf-8"))
    return dict(parser[title])


def settings(name: str) -> list[str]:
    """The lines that are no comments."""
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and line[0] != "#"]


@pytest.mark.parametrize("name", NAMES)
def test_each_says_where_it_goes_as_the_table_and_the_installer_do(name: str) -> None:
    place = re.match(r"# Goes to (/\S+?)[,;]", (FOLDER / name).read_text(encoding="utf-8"))
    assert place is not None
    assert f"| `{name}` | `{place[1]}`" in README
    assert place[1] == {**{each: where for each, (where, _) in TEXTS.items()}, "diemcau.tmp.mount": TMP_MOUNT}[name]


def test_the_watchdog_is_one_that_every_kernel_counts_right() -> None:
    manager = section("diemcau.watchdog.conf", "Manager")
    assert 10 <= int(manager["RuntimeWatchdogSec"]) <= 14
    assert int(manager["RebootWatchdogSec"]) <= 15, "the hardware counts 15.99 s"
    # Raspberry Pi OS: 40-rpi-enable-watchdog.conf, later 70-…; of all folders together the last name wins.
    assert "/etc/systemd/system.conf.d/90-diemcau.conf" > "/etc/systemd/system.conf.d/70-rpi-enable-watchdog.conf"
    assert "system.conf.d/90-diemcau.conf" in (FOLDER / "diemcau.watchdog.conf").read_text(encoding="utf-8")


def test_the_journal_is_in_memory_and_bounded_wherever_it_is() -> None:
    journal = section("diemcau.journald.conf", "Journal")
    assert journal["Storage"] == "volatile"
    assert journal["ForwardToSyslog"] == "no"
    for place in ("Runtime", "System"):
        whole, one = (int(journal[f"{place}Max{what}"].removesuffix("M")) for what in ("Use", "FileSize"))
        assert whole <= 64
        assert whole >= 8 * one, "the oldest file goes as a whole"


def test_systemd_takes_the_mount(tmp_path: Path) -> None:
    if (program := shutil.which("systemd-analyze")) is None:
        pytest.skip("needs systemd-analyze")
    unit = tmp_path / "tmp.mount"
    unit.write_bytes((FOLDER / "diemcau.tmp.mount").read_bytes())
    said = subprocess.run([program, "verify", str(unit)], capture_output=True, text=True, check=False)
    assert [line for line in said.stderr.splitlines() if "tmp.mount" in line] == []
    assert {"mode=1777", "nosuid", "nodev"} <= set(section("diemcau.tmp.mount", "Mount")["Options"].split(","))


def test_temporary_files_move_at_a_boot_and_not_under_somebodys_hands() -> None:
    # A unit with PrivateTmp=, as ours, starts tmp.mount as soon as systemd knows it.
    assert "!/run/utmp" in section("diemcau.tmp.mount", "Unit")["ConditionPathExists"]


def test_the_kernel_knows_every_setting() -> None:
    for line in settings("diemcau.sysctl.conf"):
        key, equals, value = line.partition(" = ")
        assert equals, line
        assert Path("/proc/sys", *key.split(".")).exists(), key
        assert re.fullmatch(r"[0-9]+( [0-9]+)?", value), line


def test_a_panic_is_the_watchdogs_first_and_never_the_end() -> None:
    panic_s = next(int(line.split()[-1]) for line in settings("diemcau.sysctl.conf") if line.startswith("kernel.panic"))
    assert panic_s > int(section("diemcau.watchdog.conf", "Manager")["RuntimeWatchdogSec"])


def test_each_rule_matches_before_it_sets() -> None:
    rules = settings("diemcau.udev.rules")
    for rule in rules:
        parts = re.findall(r'([A-Z]+(?:\{[^}]+\})?)(==|=)"([^"]*)"', rule)
        assert ", ".join(f'{key}{operator}"{value}"' for key, operator, value in parts) == rule, "a typo"
        operators = [operator for _, operator, _ in parts]
        assert operators == sorted(operators, reverse=True), "what is compared stands first"
    assert 'GROUP="gpio"' in rules[0]
    assert 'ACTION=="bind"' in rules[1], "the driver lets the camera sleep while it takes it"


def test_udev_takes_the_rules() -> None:
    program = shutil.which("udevadm")
    helps = program and subprocess.run([program, "verify", "--help"], capture_output=True, check=False).returncode == 0
    if not program or not helps:
        pytest.skip("needs udevadm verify (systemd 254)")
    # The group is the installer's to make.
    verify = [program, "verify", "--resolve-names=never", str(FOLDER / "diemcau.udev.rules")]
    said = subprocess.run(verify, capture_output=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
