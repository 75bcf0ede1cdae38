"""``trace``: what the kernel writes is read, and whatever moves a relay is seen. Needs no machine."""

import pytest

from tests.vm.trace import Entry, changes, levels_set, parse

# As Debian's kernel 6.12 prints it; the chip's first line is 512.
TEXT = """512
# tracer: nop
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
          python-658     [001] .....    67.033601: gpio_value: 517 get 1
          python-658     [001] .....    67.034169: gpio_value: 517 set 1
          python-658     [001] .....    67.034175: gpio_direction: 517 out (0)
           <...>-700     [000] .....    68.500000: tracing_mark_write: agent
          python-658     [001] .N...    69.043095: gpio_direction: 529  in (0)
          python-645     [000] .....    70.921538: released: (gpio_sim_free+0x4/0x70 [gpio_sim]) pin=27
"""


def test_what_the_kernel_prints_is_read_and_levels_that_were_only_read_are_left_out() -> None:
    assert parse(TEXT) == [
        Entry(67.034169, "set", 5, 1),
        Entry(67.034175, "out", 5),
        Entry(68.5, "mark", words="agent"),
        Entry(69.043095, "in", 17),
        Entry(70.921538, "released", 27),
    ]


@pytest.mark.parametrize(
    ("entries", "moved"),
    [
        ([Entry(1, "set", 5, 0), Entry(1, "out", 5)], 0),  # written the level that it has
        ([Entry(1, "set", 5, 1), Entry(2, "set", 5, 0)], 2),  # a pulse
        ([Entry(1, "released", 5)], 1),
        ([Entry(1, "in", 5)], 1),
        ([Entry(1, "set", 27, 1), Entry(2, "released", 17)], 0),  # lamp and button are no relays
    ],
)
def test_a_relay_that_moves_is_seen(entries: list[Entry], moved: int) -> None:
    assert len(changes(entries, {5: 0, 6: 1})) == moved


def test_the_order_in_which_lines_were_driven() -> None:
    entries = [Entry(1, "set", 6, 1), Entry(2, "set", 27, 1), Entry(3, "set", 5, 0)]
    assert levels_set(entries, (5, 6)) == [(1, 6, 1), (3, 5, 0)]
