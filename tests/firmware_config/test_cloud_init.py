"""firmware-config/cloud-init: a file that cloud-init takes, and its script, which sets a box up once, whatever happens.

The script runs in a folder that stands for the boot partition, with a stand-in for install.sh.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "firmware-config" / "cloud-init"
USER_DATA = FOLDER / "user-data"
INSTALL = """
printf '%s\\n' "$@" >>"$(dirname "$0")/../asked"
echo "bước / step"
[ ! -e "$(dirname "$0")/broken" ] || { echo "hỏng / broken" >&2; exit 3; }
echo "chi-linh: 0 failed"
"""


class Card:
    """The boot partition, as a technician has made it, and the box's own disk."""

    def __init__(self, folder: Path) -> None:
        self.boot, self.root = folder / "boot firmware", folder / "root"
        self.ours = self.boot / "diemcau"
        shutil.copytree(FOLDER, self.ours / "firmware-config" / "cloud-init")
        (self.ours / "install.sh").write_text(INSTALL)
        (self.ours / "identity").mkdir()
        (self.ours / "identity" / "agent.toml").write_text("site = 'chi-linh'\n")
        (self.ours / "identity" / "site.key").write_text("secret")
        self.unit = self.root / "etc" / "systemd" / "system" / "diemcau-first-boot.service"
        self.unit.parent.mkdir(parents=True)
        self._bin = folder / "bin"
        self._bin.mkdir()
        for name, does in (("systemctl", f'echo "$*" >>"{folder}/systemctl"'), ("timedatectl", "echo yes")):
            (self._bin / name).write_text(f"#!/bin/sh\n{does}\n")
            (self._bin / name).chmod(0o755)
        self._told = folder / "systemctl"

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        script = self.ours / "firmware-config" / "cloud-init" / "first-boot.sh"
        return subprocess.run(
            ["bash", script, *words],
            capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
            env=self.environment,
        )  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self._bin}:{os.environ['PATH']}"
        return {**os.environ, "DIEMCAU_ROOT": str(self.root), "PATH": path, "LC_ALL": "C.UTF-8"}

    @property
    def result(self) -> list[str]:
        return (self.boot / "diemcau-result.txt").read_text(encoding="utf-8").splitlines()

    @property
    def asked(self) -> list[str]:
        file = self.boot / "asked"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def systemctl(self) -> list[str]:
        return self._told.read_text().splitlines() if self._told.exists() else []


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path)


def test_a_box_is_set_up_with_what_lies_there_and_the_key_is_taken_away(card: Card) -> None:
    card.run("--enable")
    (card.ours / "room.toml").write_text("")
    (card.ours / "wheels").mkdir()
    done = card.run()
    assert done.returncode == 0, done.stderr
    identity, room, wheels = (str(card.ours / each) for each in ("identity", "room.toml", "wheels"))
    assert card.asked == ["--identity", identity, "--room", room, "--wheels", wheels]
    assert card.result[0] == "diemcau: XONG / DONE"
    assert card.result[-1] == "chi-linh: 0 failed"
    assert not (card.ours / "identity").exists()
    assert not card.unit.exists()
    assert card.systemctl[-2:] == ["disable diemcau-first-boot.service", "--no-block reboot"]
    assert sorted(each.name for each in card.boot.iterdir()) == ["asked", "diemcau", "diemcau-result.txt"]


def test_with_an_identity_alone_the_rest_comes_from_elsewhere(card: Card) -> None:
    assert card.run().returncode == 0
    assert card.asked == ["--identity", str(card.ours / "identity")]


def test_a_failure_is_told_and_tried_again_at_the_next_boot(card: Card) -> None:
    card.run("--enable")
    (card.ours / "broken").touch()
    assert card.run().returncode == 1
    assert card.result[0] == "diemcau: LỖI / FAILED (3)"
    assert card.result[-2:] == ["bước / step", "hỏng / broken"]
    assert (card.ours / "identity" / "site.key").exists()
    assert card.unit.exists()
    (card.ours / "broken").unlink()
    assert card.run().returncode == 0
    assert card.result[0] == "diemcau: XONG / DONE"


def test_without_an_identity_nothing_is_installed(card: Card) -> None:
    shutil.rmtree(card.ours / "identity")
    assert card.run().returncode == 1
    assert card.asked == []
    assert card.result[0] == "diemcau: LỖI / FAILED"
    assert "diemcau/identity" in card.result[1]


def test_it_is_made_a_service_that_runs_the_same_script(card: Card) -> None:
    assert card.run("--enable").returncode == 0
    assert card.asked == []
    assert card.systemctl == ["daemon-reload", "enable diemcau-first-boot.service"]
    script = card.ours / "firmware-config" / "cloud-init" / "first-boot.sh"
    assert f'ExecStart=/bin/bash "{script}"' in card.unit.read_text().splitlines()
    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        said = subprocess.run([analyze, "verify", card.unit], capture_output=True, text=True, timeout=60, check=False)
        assert card.unit.name not in said.stderr


def test_a_power_cut_after_the_key_was_taken_away_is_no_failure(card: Card) -> None:
    card.run("--enable")
    (card.ours / "identity" / "agent.toml").unlink()
    (card.root / "etc" / "diemcau").mkdir()
    (card.root / "etc" / "diemcau" / "agent.toml").touch()
    (card.root / "opt" / "diemcau" / "current").mkdir(parents=True)
    assert card.run().returncode == 0
    assert card.asked == []
    assert card.result[0] == "diemcau: XONG / DONE"
    assert not (card.ours / "identity").exists()
    assert not card.unit.exists()


def test_the_unit_is_on_the_disk_before_it_has_its_name(card: Card) -> None:
    """Else a power cut leaves an empty one, which systemd takes for masked, and cloud-init does not do it again."""
    said = subprocess.run(
        ["bash", "-x", card.ours / "firmware-config" / "cloud-init" / "first-boot.sh", "--enable"],
        capture_output=True, text=True, timeout=60, check=True, env=card.environment,
    ).stderr  # fmt: skip
    commands = [line.lstrip("+ ").split()[0] for line in said.splitlines() if line.startswith("+")]
    assert [each for each in commands if each in {"sync", "mv", "systemctl"}] == [
        "sync", "mv", "systemctl", "systemctl", "sync",
    ]  # fmt: skip
    assert [each.name for each in card.unit.parent.iterdir()] == [card.unit.name]


def test_a_word_that_it_does_not_know_is_refused(card: Card) -> None:
    assert card.run("--now").returncode == 2
    assert not (card.boot / "diemcau-result.txt").exists()


def test_what_cloud_init_runs_is_there_when_the_folder_is(card: Card) -> None:
    text = USER_DATA.read_text(encoding="utf-8")
    assert text.startswith("#cloud-config\n")
    assert "\t" not in text
    (script,) = re.findall(r"/boot/firmware/diemcau/(\S+\.sh)", text)
    assert (REPOSITORY / script).is_file()
    assert card.unit.stem in text


def test_it_is_yaml_and_says_what_is_meant() -> None:
    yaml = pytest.importorskip("yaml", reason="needs PyYAML")
    read = yaml.safe_load(USER_DATA.read_text(encoding="utf-8"))
    assert read["users"][0]["lock_passwd"] is True
    assert read["ssh_pwauth"] is False
    assert all(isinstance(word, str) for line in read["runcmd"] for word in line)


def test_cloud_init_takes_it() -> None:
    program = shutil.which("cloud-init")
    if program is None:
        pytest.skip("needs cloud-init (Debian's package)")
    said = subprocess.run(
        [program, "schema", "--config-file", USER_DATA], capture_output=True, text=True, timeout=120, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr
