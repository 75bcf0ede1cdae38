"""agent/core/config_diff.py: what a person is shown before a push."""

from typing import Any

import pytest

from agent.core.config import RoomConfig
from agent.core.config_diff import Change, changes
from agent.core.config_document import merged, parse_document

CODEC = {"name": "codec", "pin": 5}
LAMP = {"name": "lamp", "pin": 6}
PING = {"name": "router", "kind": "ping", "address": "192.168.1.1"}
BASE: dict[str, Any] = {"site": {"name": "Chí Linh"}, "power": {"loads": [CODEC, LAMP]}, "checks": [PING]}


def room(**sections: Any) -> RoomConfig:
    return parse_document(merged(BASE, sections), "room")


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({}, []),
        ({"headcount": {"window_s": 90}}, []),  # a default that is written down
        ({"headcount": {"window_s": 60}}, [("headcount.window_s", "changed", 90, 60)]),
        ({"site": {"name": "Nam Sách"}}, [("site.name", "changed", "Chí Linh", "Nam Sách")]),
        ({"site": {"path": ["Hải Dương"]}}, [("site.path", "changed", [], ["Hải Dương"])]),
        ({"power": {"button": {"pin": 22}}}, [("power.button.pin", "changed", 17, 22)]),
        (
            {"power": {"loads": [{**CODEC, "settle_s": 20}, LAMP]}},
            [("power.loads[codec].settle_s", "changed", 1, 20)],
        ),
        ({"power": {"loads": [LAMP, CODEC]}}, [("power.loads", "moved", ["codec", "lamp"], ["lamp", "codec"])]),
        (
            {"power": {"loads": [LAMP, {**CODEC, "pin": 7}]}},
            [
                ("power.loads[codec].pin", "changed", 5, 7),
                ("power.loads", "moved", ["codec", "lamp"], ["lamp", "codec"]),
            ],
        ),
        ({"checks": [{**PING, "required": False}]}, [("checks[router].required", "changed", True, False)]),
    ],
)
def test_only_what_differs_is_told_by_its_name(sections: dict[str, Any], expected: list[tuple[Any, ...]]) -> None:
    assert changes(room(), room(**sections)) == tuple(Change(*each) for each in expected)


def test_a_load_before_the_others_is_one_that_was_added_and_no_more() -> None:
    (found,) = changes(room(), room(power={"loads": [{"name": "amp", "pin": 9}, CODEC, LAMP]}))
    assert (found.path, found.how, found.before) == ("power.loads[amp]", "added", None)
    assert found.after["pin"] == 9
    (gone,) = changes(room(), room(power={"loads": [LAMP]}))
    assert (gone.path, gone.how, gone.after) == ("power.loads[codec]", "removed", None)
