"""The agent itself and the centre's commands live with these rights; and no secret leaves its file."""

import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from agent.console.authority import AuthorityError
from tests.conftest import Site, wait_for
from tests.faults.rights_bed import BY_PASSWORD, FROM_SITE, SITE, Centre, Peer


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


def test_a_box_with_a_password_says_it_to_the_broker_alone(
    centre: Centre, all_seeing: Peer, site: Callable[..., Site]
) -> None:
    """FAULTS 62: neither log nor state nor anything that is published has it, also where it is refused."""
    box = site(None, [])
    secret = Path(centre.by_password(BY_PASSWORD).password_file).read_text().strip()
    own = box.folder / "site.password"
    theirs = f"{centre.folder}/out/{BY_PASSWORD}/site.password"
    identity = here(centre, BY_PASSWORD, "agent.toml").replace(theirs, str(own))
    (box.folder / "agent.toml").write_text(identity)
    wrong = secret[::-1]
    health = f"diemcau/v1/{BY_PASSWORD}/health"
    for word, said in ((wrong, "Not authorized"), (secret, "connected")):
        own.write_text(word + "\n")
        box.start()
        wait_for(partial(lambda words: words in box.log, said), said)
        if word is secret:
            wait_for(lambda: health in {topic for topic, _, _ in all_seeing.heard}, health)
        box.close()
    written = {str(each): each.read_bytes() for each in box.folder.rglob("*") if each.is_file() and each != own}
    assert len(written) >= 4
    heard = {topic: payload for topic, payload, _ in all_seeing.heard}
    for where, raw in {**written, **heard, "broker": centre.log.encode()}.items():
        assert secret.encode() not in raw, where
        assert wrong.encode() not in raw, where


def here(centre: Centre, id_: str, file: str) -> str:
    """An identity file as it was made, for files, and a port for passwords, that are elsewhere."""
    text = (centre.folder / "out" / id_ / file).read_text()
    text = text.replace("/etc/diemcau/", f"{centre.folder}/out/{id_}/")
    return text.replace(":8885", f":{centre.password_port}")


def command(centre: Centre, folder: Path, who: str) -> "subprocess.CompletedProcess[str]":
    (folder / f"{who}.toml").write_text(here(centre, who, "centre.toml"))
    argv = [sys.executable, "-m", "agent", "identify", SITE, "--within", "10", "--centre", str(folder / f"{who}.toml")]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def test_no_secret_is_in_any_file_or_log_but_the_key_files(centre: Centre, capfd: pytest.CaptureFixture[str]) -> None:
    centre.site("renew", "minh")
    centre.site("renew", BY_PASSWORD)
    with pytest.raises(AuthorityError):
        centre.site("revoke", "nobody")
    printed = capfd.readouterr()
    files = [each for each in centre.folder.rglob("*") if each.is_file()]
    keys = [each for each in files if each.suffix in (".key", ".password")]
    bodies = {line for each in keys for line in each.read_text().splitlines() if not line.startswith("-----")}
    assert len(keys) >= 8
    assert len(bodies) >= 3 * 8
    texts = {str(each): each.read_text(errors="replace") for each in files if each not in keys}
    for where, text in {**texts, "stdout": printed.out, "stderr": printed.err}.items():
        assert "PRIVATE KEY" not in text, where
        assert not [line for line in bodies if line in text], where
