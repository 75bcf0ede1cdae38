"""firmware-config/fleet/identity.yml: renewed files come to the boxes that they are for, and to nobody else."""

import os
import stat
import sys
from pathlib import Path

from tests.firmware_config.test_fleet import Fleet
from tests.firmware_config.test_fleet import ansible as ansible

DOCTOR = """#!{python}
import json, pathlib, sys
site = pathlib.Path(sys.argv[0]).parent.name
state = "failed" if pathlib.Path(sys.argv[0]).with_name("bad").exists() else "ok"
names = ("broker.certificate", "broker.port")
print(json.dumps({{"checks": [{{"name": names[0], "state": state}}, {{"name": names[1], "state": "failed"}}]}}))
sys.exit(1)
"""


def test_each_box_gets_its_own_and_one_that_is_examined_badly_stops_the_rest(tmp_path: Path, ansible: str) -> None:
    fleet = Fleet(tmp_path, ansible, "mqtt://127.0.0.1:1", "an-binh", "chi-linh", "kinh-mon", "nam-sach")
    boxes, files = tmp_path / "boxes", ("agent.toml", "ca.pem", "site.pem", "site.key")
    for site in ("chi-linh", "kinh-mon", "nam-sach"):
        (tmp_path / "keys" / site).mkdir(parents=True)
        for name in files:
            (tmp_path / "keys" / site / name).write_text(f"{site} {name}")
    for site in fleet.hosts:
        (boxes / site / "diemcau").write_text(DOCTOR.format(python=sys.executable))
        (boxes / site / "diemcau").chmod(0o755)
    (boxes / "kinh-mon" / "bad").touch()
    box = f"{boxes}/{{{{ inventory_hostname }}}}"
    places = {"keys": str(tmp_path / "keys"), "configuration": box, "box_diemcau": f"{box}/diemcau"}
    told = fleet.play(book="identity.yml", waves=[1], owner=os.geteuid(), root=os.geteuid(), **places)
    assert told.returncode != 0
    assert "fatal: [kinh-mon]" in told.stdout
    there = {site: {each.name for each in (boxes / site).iterdir()} - {"diemcau", "bad"} for site in fleet.hosts}
    renewed = {"ca.pem", "site.pem", "site.key"}
    assert there == {"an-binh": set(), "chi-linh": renewed, "kinh-mon": renewed, "nam-sach": set()}
    key = boxes / "chi-linh" / "site.key"
    assert (key.read_text(), stat.S_IMODE(key.stat().st_mode)) == ("chi-linh site.key", 0o600)
    assert "chi-linh site.key" not in told.stdout + told.stderr
