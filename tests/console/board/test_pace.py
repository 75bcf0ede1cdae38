"""When what has come is shown."""

from agent.console.board.pace import Pace


def test_what_comes_alone_is_shown_after_a_moment() -> None:
    pace = Pace()
    pace.came(100.0)
    assert not pace.is_due(100.04, is_quiet=True, knows_some=True)
    assert pace.is_due(100.06, is_quiet=True, knows_some=True)
    assert not pace.is_due(100.07, is_quiet=True, knows_some=True)


def test_four_times_a_second_at_most() -> None:
    pace = Pace()
    pace.shown(100.0)
    pace.came(100.01)
    assert not pace.is_due(100.24, is_quiet=True, knows_some=True)
    assert pace.is_due(100.26, is_quiet=True, knows_some=True)


def test_a_burst_is_shown_when_it_is_over_but_never_waited_for_long() -> None:
    pace = Pace()
    for tenth in range(5):
        pace.came(100.0 + tenth / 10)
        assert not pace.is_due(100.0 + tenth / 10, is_quiet=False, knows_some=True)
    assert pace.is_due(100.5, is_quiet=False, knows_some=True)


def test_at_the_start_all_that_is_stored_is_waited_for() -> None:
    pace = Pace()
    pace.connected(100.0)
    for second in range(20):
        now_s = 100.0 + second / 2 - 0.01 * second
        pace.came(now_s, is_stored=True)
        assert not pace.is_due(now_s + 0.1, is_quiet=True, knows_some=False)
    assert pace.is_due(110.1, is_quiet=True, knows_some=False)  # but not for ever
    quick = Pace()
    quick.connected(100.0)
    quick.came(100.1, is_stored=True)
    assert quick.is_due(100.61, is_quiet=True, knows_some=False)
    quick.came(101.0, is_stored=True)  # a later connection
    assert quick.is_due(101.06, is_quiet=True, knows_some=True)


def test_the_end_of_what_is_stored_is_told_once_for_each_connection() -> None:
    pace = Pace()
    assert not pace.has_learned(100.0)
    for connected_s in (100.0, 200.0):
        pace.connected(connected_s)
        pace.came(connected_s + 0.3, is_stored=True)
        assert [pace.has_learned(connected_s + later_s) for later_s in (0.1, 0.7, 0.9, 1.1)] == [False] * 2 + [
            True, False
        ]  # fmt: skip


def test_time_alone_is_looked_at_too() -> None:
    pace = Pace()
    assert not pace.is_due(100.0, is_quiet=True, knows_some=True)
    pace.looked()
    assert pace.is_due(100.0, is_quiet=True, knows_some=True)
    assert pace.wait_s > 0.2
    pace.came(100.1)
    assert pace.wait_s < 0.1
