"""firmware-config/fleet: the waves of an upgrade with stand-ins for boxes, a real broker and the real commands.

A stand-in is a folder of this machine; its install.sh is a few lines that log, fail, or say that a conference is on.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from agent.adapters.mosquitto import Mosquitto
from agent.core.contract import ALL_COMMAND
from tests.conftest import PATIENCE_S
from tests.console.test_ask import COMMON, final
from tests.console.test_cli import diemcau

FLEET = Path(__file__).resolve().parents[2] / "firmware-config" / "fleet"
INSTALL = """
work=$(cd "$(dirname "$0")/.." && pwd); box=$(dirname "$work"); site=$(basename "$box")
echo "$site $(find "$work/wheels" -type f 2>/dev/null | wc -l) $*" >>"$box/../log"
case $(cat "$box/mood" 2>/dev/null) in
  broken) echo "hỏng / broken" >&2; exit 1 ;;
  conference) echo "đang họp, để sau / a conference is on: later" >&2; exit 1 ;;
esac
mkdir -p "$box/releases/2" && ln -sfn releases/2 "$box/current"
"""


@pytest.fixture(scope="session")
def ansible() -> str:
    program = shutil.which("ansible-playbook")
    if program is None:
        pytest.skip("needs ansible-playbook (ansible-core)")
    return program


class Rooms:
    """Sites that are fit and answer a drill; ``dies`` is gone after its first answer."""

    def __init__(self, port: int, *sites: str) -> None:
        self.sites, self.dies = sites, ""
        self._asked = 0
        ready = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.client.subscribe(ALL_COMMAND, 1)
        assert ready.wait(PATIENCE_S)
        for site in sites:
            self._status(site, "running").wait_for_publish(PATIENCE_S)

    def _status(self, site: str, state: str) -> mqtt.MQTTMessageInfo:
        status = {**COMMON, "state": state, "connection": 1, "boot_id": "b", "version": "1"}
        return self._say(site, "status", status, retain=True)

    def _say(self, site: str, name: str, document: dict[str, Any], retain: bool = False) -> mqtt.MQTTMessageInfo:
        return self.client.publish(f"diemcau/v1/{site}/{name}", json.dumps(document), 1, retain)

    def _on_message(self, _client: mqtt.Client, _user: Any, message: mqtt.MQTTMessage) -> None:
        is_first, self._asked = not self._asked, self._asked + 1
        for site in self.sites:
            if is_first or site != self.dies:
                self._say(site, "readiness", {**COMMON, "ready": True, "checks": []}, retain=True)
                self._say(site, "command/result", {**COMMON, **final(json.loads(message.payload))})
        if self.dies:
            self._status(self.dies, "lost")

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def rooms(broker: Mosquitto) -> Iterator[Rooms]:
    made = Rooms(broker.port, "an-binh", "chi-linh")
    yield made
    made.close()


class Fleet:
    """Boxes of this machine, and the playbook."""

    def __init__(self, folder: Path, program: str, url: str, *sites: str) -> None:
        self.folder, self._program, self._url = folder, program, url
        self.hosts: dict[str, dict[str, Any]] = {}
        for site in sites:
            self.add(site)
        (folder / "install.sh").write_text(INSTALL)
        with tarfile.open(folder / "release.tar.gz", "w:gz") as archive:
            archive.add(folder / "install.sh", "install.sh")

    def add(self, site: str) -> None:
        (self.folder / "boxes" / site).mkdir(parents=True)
        self.hosts[site] = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}

    def away(self, site: str) -> None:
        """One that no line leads to."""
        ssh = self.folder / "ssh"
        ssh.write_text("#!/bin/sh\nexit 255\n")
        ssh.chmod(0o755)
        self.hosts[site] = {"ansible_connection": "ssh", "ansible_ssh_executable": str(ssh)}

    def mood(self, site: str, mood: str) -> None:
        (self.folder / "boxes" / site / "mood").write_text(mood)

    @property
    def log(self) -> list[str]:
        """Where something was installed, in order: site, number of wheels there, words for install.sh."""
        log = self.folder / "boxes" / "log"
        return log.read_text().splitlines() if log.exists() else []

    def play(self, *options: str, book: str = "upgrade.yml", **settings: Any) -> "subprocess.CompletedProcess[str]":
        inventory = self.folder / "sites.json"
        inventory.write_text(json.dumps({"all": {"children": {"diemcau": {"hosts": self.hosts}}}}))
        box = f"{self.folder}/boxes/{{{{ inventory_hostname }}}}"
        given = {
            "release": str(self.folder / "release.tar.gz"), "ansible_become": False, "poll_s": 1, "back_within_s": 0,
            "diemcau": f"{sys.executable} -m agent", "broker": f"--broker {self._url}",
            "work": f"{box}/kept", "current": f"{box}/current", **settings,
        }  # fmt: skip
        return subprocess.run(
            [self._program, "-i", inventory, FLEET / book, "-e", json.dumps(given), *options],
            capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL, cwd=self.folder,
            env={**os.environ, "HOME": str(self.folder), "ANSIBLE_HOME": str(self.folder / "ansible"),
                 "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PIPELINING": "1",
                 "ANSIBLE_ASYNC_DIR": str(self.folder / "async"), "LC_ALL": "C.UTF-8"},
        )  # fmt: skip


@pytest.fixture
def fleet(tmp_path: Path, ansible: str, broker: Mosquitto, rooms: Rooms) -> Fleet:
    return Fleet(tmp_path, ansible, broker.url, *rooms.sites)


def summon(broker: Mosquitto, folder: Path, site: str, in_minutes: float) -> None:
    starts = datetime.now().astimezone() + timedelta(minutes=in_minutes)
    times = ("--starts", f"{starts:%Y-%m-%d %H:%M}", "--ends", f"{starts + timedelta(hours=2):%Y-%m-%d %H:%M}")
    (folder / "sites.csv").write_text(f"site,summoned\n{site},9\n")
    table = ("--summoned", str(folder / "sites.csv"), "--broker", broker.url, "--yes")
    told = diemcau("conference", "set", "--title", "Giao ban", *times, *table)
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("book", ["upgrade.yml", "identity.yml"])
def test_ansible_reads_it(tmp_path: Path, ansible: str, book: str) -> None:
    fleet = Fleet(tmp_path, ansible, "mqtt://127.0.0.1:1", "chi-linh")
    told = fleet.play("--syntax-check", book=book)
    assert told.returncode == 0, told.stderr


def test_one_wave_after_the_other_and_twice_is_the_same_as_once(
    fleet: Fleet, broker: Mosquitto, tmp_path: Path
) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "x.whl").write_bytes(b"x")
    fleet.away("away")
    summon(broker, tmp_path, "an-binh", in_minutes=90)  # so late is no reason
    settings = {"waves": [1, "100%"], "wheels": str(tmp_path / "wheels"), "install_options": "--trial-s 5"}
    told = fleet.play(**settings)
    assert told.returncode == 0, told.stdout + told.stderr
    words = "--wheels {}/boxes/{}/kept/wheels --trial-s 5"
    assert fleet.log == [f"{site} 1 {words.format(tmp_path, site)}" for site in ("an-binh", "chi-linh")]
    assert '"away"' in told.stdout, "it is named"
    again = fleet.play(**{**settings, "waves": ["100%"]})
    assert again.returncode == 0
    assert "changed=1" not in again.stdout


def test_one_failure_in_a_wave_stops_before_the_next_and_the_boxs_own_words_are_shown(fleet: Fleet) -> None:
    fleet.add("kinh-mon")
    fleet.mood("an-binh", "conference")
    told = fleet.play(waves=[2, 1])
    assert told.returncode != 0
    assert sorted(each.split()[0] for each in fleet.log) == ["an-binh", "chi-linh"]
    assert "a conference is on: later" in told.stdout


def test_a_site_that_is_not_back_stops_it(fleet: Fleet, rooms: Rooms) -> None:
    rooms.dies = "an-binh"
    told = fleet.play(waves=[1, 1])
    assert told.returncode != 0
    assert [each.split()[0] for each in fleet.log] == ["an-binh"]
    assert "All of the wave are back" in told.stdout


def test_a_live_conference_stops_it_before_anything_is_touched(fleet: Fleet, broker: Mosquitto, tmp_path: Path) -> None:
    summon(broker, tmp_path, "an-binh", in_minutes=-5)
    told = fleet.play(waves=[1, 1])
    assert told.returncode != 0
    assert "Ask which conferences" in told.stdout
    assert [*(tmp_path / "boxes" / "an-binh").iterdir()] == []


def test_check_tells_of_a_conference_that_is_near_and_touches_nothing(
    fleet: Fleet, broker: Mosquitto, tmp_path: Path
) -> None:
    summon(broker, tmp_path, "chi-linh", in_minutes=30)
    told = fleet.play("--check", waves=[1, 1])
    assert told.returncode != 0
    assert told.stdout.count("TASK [Ask which conferences") == 2, "the first wave is fine"
    assert "fatal: [chi-linh" in told.stdout
    assert [*(tmp_path / "boxes" / "an-binh").iterdir()] == []


def test_without_a_release_it_says_what_to_do(fleet: Fleet) -> None:
    told = fleet.play(release="")
    assert told.returncode != 0
    assert "git archive" in told.stdout
