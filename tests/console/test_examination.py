"""``diemcau doctor``: what people and programs get, and the whole command on this machine."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.mosquitto import Mosquitto
from agent.console.examination import document, lines
from agent.core.diagnosis import Diagnosis, Report
from tests.adapters.pki import Authority
from tests.conftest import ROOM, Ear, Site
from tests.console.test_cli import complaint, diemcau

SOME = Report(
    "chi-linh",
    "diemcau",
    (
        Diagnosis("broker.port", "broker.port", "connect", "failed", "refused", "127.0.0.1:1883"),
        Diagnosis("spare", "usb-camera", "display", "warning", "missing", "USB: \x1b[31m\nđỏ", required=False),
        Diagnosis("box.room", "box.room", "box", "ok", None, "/var/lib/diemcau/room.json"),
    ),
)


def test_a_program_gets_the_word_and_a_person_the_days() -> None:
    found = Diagnosis("broker.ca", "broker.ca", "connect", "warning", "expires_within_week: 6")
    (told,) = document(Report(None, "root", (found,)))["checks"]
    assert told["reason"] == "expires_within_week"
    assert "6" in told["advice"]["en"]


def test_a_reason_that_nobody_has_a_sentence_for_is_shown_as_it_is() -> None:
    (told,) = document(Report(None, "root", (Diagnosis("a", "a", "box", "failed", "flux"),)))["checks"]
    assert told["advice"] == {"vi": "", "en": "flux"}


def examined(*arguments: str) -> "subprocess.CompletedProcess[str]":
    result = diemcau("doctor", *arguments)
    assert result.stderr == ""
    return result


def doctor(*arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the checks by name."""
    result = examined(*arguments, "--json")
    return result.returncode, {each["name"]: each for each in json.loads(result.stdout)["checks"]}


def test_for_people_it_is_vietnamese_first_and_says_what_to_do() -> None:
    printed = lines(SOME)
    assert printed[0].endswith("Kết nối / connection\x1b[0m")
    assert "broker.port  127.0.0.1:1883" in printed[1]
    assert "Máy chủ từ chối" in printed[2]
    assert "start it" in printed[3]
    assert printed[-1] == "tốt / ok: 1 · lưu ý / warning: 1 · lỗi / failed: 1"


def test_a_devices_own_words_do_nothing_to_the_terminal() -> None:
    (line,) = (line for line in lines(SOME) if "spare" in line)
    assert "USB: �[31m" in line
    assert "(không bắt buộc / optional)" in line


def test_for_programs_it_is_one_document() -> None:
    told = document(SOME)
    assert (told["site"], told["user"], told["ok"], told["warning"], told["failed"]) == ("chi-linh", "diemcau", 1, 1, 1)
    assert told["checks"][0]["advice"]["en"].startswith("The broker refuses")
    assert told["checks"][2]["advice"] is None


def identity(folder: Path, url: str, more: str = "") -> str:
    path = folder / "agent.toml"
    path.write_text(f'site = "chi-linh"\n[broker]\nurl = "{url}"\n{more}')
    return str(path)


def room(folder: Path) -> str:
    (folder / "room.toml").write_text(ROOM)
    return str(folder / "room.toml")


def test_on_this_machine_every_group_is_told_and_nothing_is_written(tmp_path: Path, broker: Mosquitto) -> None:
    arguments = ["--config", identity(tmp_path, broker.url), "--room", room(tmp_path), "--state", str(tmp_path / "s")]
    before = sorted(tmp_path.rglob("*"))
    result = examined(*arguments)
    assert sorted(tmp_path.rglob("*")) == before
    places = [result.stdout.index(word) for word in ("Kết nối", "Hình ảnh", "Nguồn và nút", "Hộp điều khiển")]
    assert places == sorted(places)
    assert result.returncode == 1  # no camera is plugged in here
    code, found = doctor(*arguments)
    assert code == 1
    assert found["broker.port"]["state"] == "ok"
    assert found["camera-main"]["reason"] == "missing"
    assert (found["box.state"]["state"], found["box.state"]["reason"]) == ("warning", "no_state")
    assert "first start" in found["box.state"]["advice"]["en"]
    assert {"box.identity", "box.room", "box.state", "box.clock", "box.disk", "box.service", "box.user"} <= set(found)
    if not list(Path("/dev").glob("gpiochip*")):
        assert (found["power.chip"]["state"], found["power.chip"]["reason"]) == ("failed", "no_chip")
        assert "load.codec GPIO5" in found["power.chip"]["seen"]
        assert "GPIO" in found["power.chip"]["advice"]["vi"]


@pytest.mark.parametrize("content", [None, "folder", "{", 'site = "X"\n[broker]\nurl = "http://x"\nuser = 1\n'])
def test_an_identity_of_no_use_is_a_finding_and_never_a_traceback(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "agent.toml"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_text(content)
    code, found = doctor("--config", str(path), "--state", str(tmp_path), "--room", str(tmp_path / "no-room"))
    assert code == 1
    assert (found["box.identity"]["state"], found["box.identity"]["reason"]) == (
        "failed",
        "no_file" if content is None else "broken",
    )
    assert found["box.room"]["state"] == "failed"
    assert not any(name.startswith("broker.") for name in found)


def test_a_changed_identity_is_tried_before_the_service_has_it(tmp_path: Path, mosquitto_program: str) -> None:
    ca, other = Authority(tmp_path), Authority(tmp_path, "other")
    pem, key = ca.issue("chi-linh", to_days=20)
    broker = Mosquitto(tmp_path, extra=ca.server())
    broker.start()
    try:
        url = broker.url.replace("mqtt:", "mqtts:")
        own = f'certificate = "{pem}"\nkey = "{key}"\n'
        _, good = doctor("--config", identity(tmp_path, url, f'ca = "{ca.pem}"\n{own}'), "--state", str(tmp_path))
        _, bad = doctor("--config", identity(tmp_path, url, f'ca = "{other.pem}"\n{own}'), "--state", str(tmp_path))
    finally:
        broker.close()
    assert {name: good[name]["state"] for name in good if name.startswith("broker.")} == {
        "broker.name": "ok", "broker.port": "ok", "broker.tls": "ok", "broker.ca": "ok",
        "broker.certificate": "warning",
    }  # fmt: skip
    assert "(19 d)" in good["broker.certificate"]["seen"]
    assert good["broker.certificate"]["reason"] == "expires_soon"
    assert good["broker.certificate"]["advice"]["vi"].startswith("Còn 19 ngày. Chứng chỉ của hộp")
    assert good["broker.certificate"]["advice"]["en"].startswith("Days left: 19. This box's certificate")
    assert (bad["broker.tls"]["state"], bad["broker.tls"]["reason"]) == ("failed", "server_unknown")
    _, gone = doctor("--config", identity(tmp_path, url, f'ca = "{ca.pem}"\n{own}'), "--state", str(tmp_path))
    assert (gone["broker.port"]["state"], gone["broker.port"]["reason"]) == ("failed", "refused")


def test_a_running_agent_does_not_notice(broker: Mosquitto, ear: Ear, site: Callable[..., Site]) -> None:
    running = site(broker.url, [])
    running.start()
    first = ear.wait("/status", lambda said: said["state"] == "running", "the agent is there")
    before = sorted(path.name for path in (running.folder / "state").iterdir())
    arguments = ["--config", str(running.folder / "agent.toml"), "--state", str(running.folder / "state")]
    for _ in range(2):
        _, found = doctor(*arguments)
        assert found["box.room"]["state"] == "ok"
        assert found["box.room"]["seen"].endswith("room.json")
    assert sorted(path.name for path in (running.folder / "state").iterdir()) == before
    ear.forget()
    ear.wait("/power", lambda said: said["session"] == first["session"], "it still reports")
    again = ear.wait("/status", lambda said: said["session"] == first["session"], "it is the same run")
    assert (again["state"], again["connection"]) == ("running", first["connection"])


def test_wrong_use_is_2() -> None:
    result = diemcau("doctor", "--no-such-flag")
    assert result.returncode == 2
    assert "--help" in complaint(result)
    assert diemcau("doctor", "--help").returncode == 0
