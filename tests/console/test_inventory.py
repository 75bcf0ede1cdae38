"""agent/console/inventory.py: who is in it, in which groups, and that nothing that a box says becomes a program."""

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.mosquitto import Mosquitto
from agent.console.enrolment import Member, Password, Register, Role
from agent.console.inventory import ALL, inventory
from agent.console.sites import SiteView, taken
from tests.console.test_ask import COMMON, FakeSite
from tests.console.test_cli import diemcau

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def member(id_: str, role: Role = "site", **more: Any) -> Member:
    return Member(id=id_, role=role, password=Password(hash="x", issued_at=NOW), **more)


def view(
    site: str, path: list[str] | None = None, name: str = "", address: str | None = None, **about: Any
) -> SiteView:
    told = {**COMMON, "name": name, "path": path or [], "version": "1.2.3", **about}
    seen, _ = taken(SiteView(site), "about", json.dumps(told).encode())
    return taken(seen, "health", json.dumps({**COMMON, "address": address}).encode())[0]


def made(*views: SiteView) -> dict[str, Any]:
    register = Register(members=tuple(member(each.site) for each in views))
    return inventory(register, {each.site: each for each in views})["all"]


def groups(children: dict[str, Any]) -> dict[str, Any]:
    """The groups' names with what is in them: the groups below, or the sites."""
    return {
        name: groups(each["children"]) if "children" in each else sorted(each["hosts"])
        for name, each in children.items()
        if name != ALL
    }


def test_only_sites_that_are_admitted_are_in_it() -> None:
    members = (member("an", "operator"), member("chi-linh"), member("kinh-mon", revoked_at=NOW), member("nam-sach"))
    hosts = inventory(Register(members=members), {"nobody": SiteView("nobody")})["all"]["children"][ALL]["hosts"]
    assert sorted(hosts) == ["chi-linh", "nam-sach"]
    assert hosts["chi-linh"]["diemcau_presence"] == "unknown"
    assert "ansible_host" not in hosts["chi-linh"]


def test_groups_follow_the_hierarchy_in_letters_that_ansible_takes() -> None:
    every = made(
        view("chi-linh", ["Hải Dương", "Chí Linh"]),
        view("sao-do", ["HẢI DƯƠNG", "Chí Linh"]),
        view("q1", ["TP. Hồ Chí Minh", "Quận 1"]),
        view("hoi-so"),
    )
    assert groups(every["children"]) == {
        "in_hai_duong": {"in_hai_duong__chi_linh": ["chi-linh", "sao-do"]},
        "in_tp_ho_chi_minh": {"in_tp_ho_chi_minh__quan_1": ["q1"]},
    }
    assert sorted(every["children"][ALL]["hosts"]) == ["chi-linh", "hoi-so", "q1", "sao-do"]


def test_two_places_that_would_have_one_name_are_told_apart() -> None:
    names = groups(
        made(view("a", ["Bến Cát"]), view("b", ["Bến Cắt"]), view("c", ["…"]), view("d", ["???"]))["children"]
    )
    assert len(names) == 4
    assert all(name.isidentifier() for name in names)
    assert sorted(site for each in names.values() for site in each) == ["a", "b", "c", "d"]


def test_what_a_box_says_is_never_a_template() -> None:
    bad = "{{ lookup('pipe', 'id') }}{% x %}\x1b[2J"
    every = made(view("chi-linh", [bad] * 99, bad, bad, version=bad))
    text = json.dumps({**every, "vars": {}}, ensure_ascii=False)
    assert "{{" not in text.replace('{"', "").replace(": {", "")
    assert "{%" not in text
    assert "\x1b" not in text
    hosts = every["children"][ALL]["hosts"]["chi-linh"]
    assert "{" not in hosts["diemcau_name"] + hosts["diemcau_version"] + "".join(hosts["diemcau_path"])
    assert len(hosts["diemcau_path"]) < 10


@pytest.mark.parametrize(
    ("said", "taken_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("127.0.0.1", None),
        ("fe80::1%eth0", None),
        ("2001:db8::1%{{ lookup('pipe', 'id') }}", None),
        ("-oProxyCommand=id", None),
        ("box.example", None),
        (None, None),
    ],
)
def test_only_an_address_is_an_address(said: str | None, taken_as: str | None) -> None:
    host = made(view("chi-linh", address=said))["children"][ALL]["hosts"]["chi-linh"]
    assert host.get("ansible_host") == taken_as


def sites_file(tmp_path: Path) -> list[str]:
    """An authority that has admitted two."""
    places = ["--ca-folder", str(tmp_path / "ca"), "--broker-folder", str(tmp_path / "b")]
    add = ["add", "nam-sach", "chi-linh", "--broker", "mqtts://broker.example:8883", "--out", str(tmp_path / "out")]
    assert diemcau("site", *add, *places).returncode == 0
    return places


def test_the_command_asks_the_broker_where_the_sites_are(tmp_path: Path, broker: Mosquitto) -> None:
    places = sites_file(tmp_path)
    box = FakeSite(broker.port)
    box.status("running")
    box.store("about", {**COMMON, "name": "Nam Sách", "path": ["Hải Dương"], "version": "1.2.3"})
    box.store("health", {**COMMON, "address": "192.0.2.7"})
    box.close()
    said = diemcau("site", "list", "--inventory", "--broker", broker.url, *places)
    assert said.returncode == 0, said.stderr
    (tmp_path / "sites.json").write_text(said.stdout)
    host = json.loads(said.stdout)["all"]["children"][ALL]["hosts"]["nam-sach"]
    assert host == {
        "ansible_host": "192.0.2.7",
        "diemcau_name": "Nam Sách",
        "diemcau_path": ["Hải Dương"],
        "diemcau_presence": "running",
        "diemcau_version": "1.2.3",
    }
    read_by_ansible(tmp_path / "sites.json")


def read_by_ansible(path: Path) -> None:
    program = shutil.which("ansible-inventory")
    if program is None:
        return  # the tests of the playbook are skipped by name
    told = subprocess.run([program, "-i", path, "--list"], capture_output=True, text=True, timeout=120, check=True)
    listed = json.loads(told.stdout)
    assert listed["in_hai_duong"]["hosts"] == ["nam-sach"]
    assert sorted(listed[ALL]["hosts"]) == ["chi-linh", "nam-sach"]
    assert "WARNING" not in told.stderr


def test_without_a_broker_the_list_is_there_and_a_sentence_says_what_is_missing(tmp_path: Path) -> None:
    if Path("/etc/diemcau/centre.toml").exists():
        pytest.skip("this machine is a centre")
    said = diemcau("site", "list", "--inventory", *sites_file(tmp_path))
    assert said.returncode == 0
    assert "centre.toml" in said.stderr
    assert sorted(json.loads(said.stdout)["all"]["children"][ALL]["hosts"]) == ["chi-linh", "nam-sach"]


def test_a_broker_that_is_not_there_is_a_failure_not_an_empty_list(tmp_path: Path) -> None:
    said = diemcau("site", "list", "--inventory", "--broker", "mqtt://127.0.0.1:1", *sites_file(tmp_path))
    assert said.returncode == 1
    assert said.stdout == ""
