"""What is taken of what somebody wants, and what is refused."""

import json
from typing import Any

import pytest

from tests.core.config_bed import ConfigRig, desired, document, with_pin, with_window


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"revision": 2, "base_revision": 1}, ("pending_confirm", None)),
        ({"revision": 2}, ("pending_confirm", None)),
        ({"revision": 2, "base_revision": 0}, ("rejected", "stale_base")),
        ({"revision": 9, "base_revision": 7}, ("rejected", "stale_base")),
    ],
)
def test_what_a_push_was_made_from_must_be_what_runs(
    rig: ConfigRig, fields: dict[str, Any], state: tuple[str, str | None]
) -> None:
    rig.push(with_window(30))
    rig.confirm()
    rig.push(with_window(40), **fields)
    assert rig.report == state


def test_the_second_of_two_technicians_is_told_and_the_first_goes_on(rig: ConfigRig) -> None:
    rig.push(with_window(30), 1, base_revision=0)
    rig.push(with_window(40), 2, base_revision=0)
    assert rig.told("push-2") == [("rejected", "stale_base")]
    assert rig.report == ("pending_confirm", None)
    rig.confirm("push-1")
    assert rig.report == ("applied", None)
    rig.push(with_window(40), 2, base_revision=0)  # stored, it comes again
    assert rig.parts.headcount.window_s == 30


def test_a_revision_that_is_not_new_is_ignored_and_told(rig: ConfigRig) -> None:
    rig.push(with_window(30), 5)
    rig.confirm("push-5")
    rig.push(with_window(40), 5, id="another")
    rig.push(with_window(40), 4)
    rig.push(with_window(50), 5)  # of the same name, and another one
    assert rig.told("another") == rig.told("push-4") == rig.told("push-5") == [("rejected", "old_revision")]
    assert rig.report == ("applied", None)
    assert rig.parts.headcount.window_s == 30


def test_a_bad_one_that_comes_again_at_each_connect_is_not_tried_again(rig: ConfigRig) -> None:
    rig.push(with_window(30), confirm_within_s=5)
    rig.wait(6)
    assert rig.report == ("rolled_back", "not_confirmed")
    tried = len(rig.applied)
    for _ in range(3):
        rig.down()
        rig.up()
        rig.push(with_window(30), confirm_within_s=5)
    rig.begin()
    rig.push(with_window(30), confirm_within_s=5)
    assert len(rig.applied) == tried
    assert rig.report == ("rolled_back", "not_confirmed")


def test_the_config_that_runs_changes_nothing_and_is_applied_at_once(rig: ConfigRig) -> None:
    rig.push(document(), 3)
    assert rig.report == ("applied", None)
    assert not rig.applied
    assert rig.said["config/running"]["revision"] == 3
    rig.push(document(), 3)
    assert rig.told("push-3") == [("applied", None)]


def test_all_problems_are_told_at_once_and_nothing_is_touched(rig: ConfigRig) -> None:
    bad = document(site={"nmae": "x"}, power={"loads": [{"name": "a", "pin": 5}, {"name": "b", "pin": 5}, {"pin": 99}]})
    rig.push(bad)
    said = rig.said["config/reported"]
    assert rig.report == ("rejected", "invalid")
    paths = {each["path"] for each in said["errors"]}
    assert {"site.nmae", "power.loads[1].pin", "power.loads[2].pin", "power.loads[2].name"} <= paths
    assert next(each for each in said["errors"] if each["path"] == "site.nmae")["suggestion"] == "did you mean name?"
    assert not rig.applied
    rig.is_consistent()


def test_a_pin_that_this_box_uses_otherwise_is_refused(rig: ConfigRig) -> None:
    rig.self_.reserved_pins[2] = "used by I2C (/dev/i2c-1 is there): choose another pin"
    rig.push(with_pin(2))
    assert rig.said["config/reported"]["errors"][0]["path"] == "power.loads[1].pin"
    assert "I2C" in rig.said["config/reported"]["errors"][0]["message"]


@pytest.mark.parametrize(
    "raw",
    [
        b"{", b"[]", b"\xff\xfe", b"\xef\xbb\xbf{}", b"\x00", b'{"id": "a", "id": "b"}', b"[" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b" " * 70_000, b'{"config": NaN}', b'{"a": "\\u0000"}',
        b'{"a": "\\ud800"}',
        json.dumps({"a": 10**20}).encode(), b"1" * 5000, json.dumps(desired(document(), 0)).encode(),
        json.dumps(desired([], 1)).encode(),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_rejected_with_a_reason(rig: ConfigRig, raw: bytes) -> None:
    rig.raw(raw)
    assert rig.report == ("rejected", "malformed")
    assert rig.said["config/reported"]["errors"][0]["message"]
    assert not rig.applied
    rig.push(with_window(30))
    assert rig.report == ("pending_confirm", None)


def test_an_empty_payload_changes_nothing(rig: ConfigRig) -> None:
    rig.push(with_window(30))
    rig.raw(b"")
    assert rig.report == ("pending_confirm", None)
    rig.confirm()
    rig.raw(b"")
    assert rig.parts.headcount.window_s == 30
