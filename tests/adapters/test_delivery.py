"""agent/adapters/delivery.py: whatever the line, the broker and the centre do, in the end the centre has every row."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.adapters import delivery as core
from agent.adapters.delivery import PATIENCE_CAP_S, PATIENCE_S, PROBE_S, UNANSWERED_MAX, UNHEARD_MAX, Delivery
from agent.core.contract import MISSING_MAX, HistoryAck


def ack(upto: int, missing: tuple[int, ...] = (), resend_from: int | None = None, epoch: str = "e") -> HistoryAck:
    return HistoryAck(epoch=epoch, upto=upto, missing=missing, resend_from=resend_from)


def sent(delivery: Delivery, most: int = 1000, now_s: float = 0.0) -> tuple[Delivery, list[int]]:
    """What goes out next, of a disk on which no number is gone."""
    unanswered = max(0, delivery.cursor - delivery.upto)
    after, turn = core.turn(delivery, most, unanswered, now_s)
    rows = range(turn.after + 1, min(turn.after + turn.count, delivery.newest) + 1)
    return core.advanced(after, rows[-1] if rows else 0), [*turn.again, *rows]


def opened(newest: int, upto: int = 0) -> Delivery:
    return core.connected(Delivery("e", newest, upto, upto), 0.0)


def test_rows_go_out_in_order_and_once() -> None:
    state, first = sent(opened(5), 3)
    state, rest = sent(state)
    assert (first, rest) == ([1, 2, 3], [4, 5])
    assert sent(state)[1] == []
    assert sent(core.written(state, 6))[1] == [6]


def test_a_new_connection_begins_behind_what_the_centre_has() -> None:
    state, _ = sent(opened(10))
    state = core.acknowledged(state, ack(4), 1)
    assert (state.upto, state.rows) == (4, 6)
    assert sent(core.connected(state, 2))[1] == [5, 6, 7, 8, 9, 10]


def test_numbers_that_are_missing_are_sent_again_and_only_once_for_each_wish() -> None:
    state, _ = sent(opened(10))
    state = core.acknowledged(state, ack(10, (3, 7)), 1)
    state, again = sent(state)
    assert again == [3, 7]
    assert sent(core.acknowledged(state, ack(10, (3, 7)), 2))[1] == []
    state = core.acknowledged(state, ack(10, (7,)), 3)
    assert (state.rows, state.waits) == (1, True)
    assert not core.acknowledged(state, ack(10), 4).waits


@pytest.mark.parametrize("odd", [ack(9, epoch="other"), ack(3), ack(11), ack(0)])
def test_what_speaks_of_other_rows_or_falls_behind_changes_nothing(odd: HistoryAck) -> None:
    state, _ = sent(opened(10, upto=5))
    assert core.acknowledged(state, odd, 1) == state
    assert core.is_ahead(state, odd) == (odd.upto == 11)


def test_a_centre_from_an_older_backup_gets_its_rows_again_once_for_each_connection() -> None:
    state = opened(10, upto=8)
    state = core.acknowledged(state, ack(5, resend_from=6), 1)
    assert state.upto == 8
    state, again = sent(state)
    assert again == [6, 7, 8, 9, 10]
    assert sent(core.acknowledged(state, ack(5, resend_from=6), 2))[1] == []
    assert sent(core.acknowledged(state, ack(7, resend_from=8), 3))[1] == []
    assert sent(core.acknowledged(core.connected(state, 4), ack(5, resend_from=6), 4))[1] == [6, 7, 8, 9, 10]
    done = core.acknowledged(state, ack(10), 5)
    assert (done.upto, done.asked, done.waits) == (10, None, False)


def test_a_silent_centre_is_asked_again_each_time_later() -> None:
    state, _ = sent(opened(3), now_s=0.0)
    waited = []
    now_s = 0.0
    for _ in range(9):
        due_s = core.deadline_s(state)
        assert due_s is not None
        assert sent(core.tick(state, due_s - 0.01))[1] == []
        waited.append(due_s - now_s)
        now_s = due_s
        state, again = sent(core.tick(state, now_s), now_s=now_s)
        assert again == [1, 2, 3]
    assert waited[:3] == [PATIENCE_S, 2 * PATIENCE_S, 4 * PATIENCE_S]
    assert waited[-1] == PATIENCE_CAP_S
    # It is back, with nothing of what was sent meanwhile.
    state = core.acknowledged(state, ack(0), now_s + 1)
    assert sent(state, now_s=now_s + 1)[1] == [1, 2, 3]
    assert state.silences == 0


def test_what_is_still_missing_after_a_minute_is_sent_once_more() -> None:
    """What was sent for it may have gone to a recorder of the same group that is no more."""
    state, _ = sent(opened(10), now_s=100)
    state, again = sent(core.acknowledged(state, ack(10, (3, 7)), 101))
    assert again == [3, 7]
    state, again = sent(core.acknowledged(state, ack(10, (3, 7)), 101 + PATIENCE_S - 1))
    assert again == []
    state, again = sent(core.acknowledged(state, ack(10, (3, 7)), 101 + PATIENCE_S))
    assert again == [3, 7]
    assert sent(core.acknowledged(state, ack(10, (3, 7)), 102 + PATIENCE_S))[1] == []


def test_what_the_broker_has_stored_of_a_dead_centre_is_no_sign_of_life() -> None:
    state, _ = sent(opened(10_000, upto=5))
    state = core.connected(core.tick(state, PATIENCE_S), PATIENCE_S + 1)
    state = core.acknowledged(state, ack(5), PATIENCE_S + 2, is_stored=True)
    assert state.silences == 1
    state, again = sent(state, most=10_000, now_s=PATIENCE_S + 2)
    assert len(again) == UNHEARD_MAX
    state = core.acknowledged(state, ack(5), PATIENCE_S + 3)
    assert state.silences == 0


def test_a_line_that_never_stands_for_long_is_a_silence_and_no_more_than_one() -> None:
    state, first = sent(opened(20_000), most=20_000)
    assert len(first) == UNANSWERED_MAX
    for number in range(20):
        state, again = sent(core.connected(state, 50.0 * number), most=20_000, now_s=50.0 * number)
        assert (len(again), state.silences) == (UNHEARD_MAX, 1)
    state = core.acknowledged(state, ack(50), 1001)
    assert len(sent(state, most=20_000, now_s=1001)[1]) == UNANSWERED_MAX


def test_a_centre_that_was_silent_is_sent_a_little_until_it_speaks_also_on_another_connection() -> None:
    state, first = sent(opened(1000))
    assert len(first) == 1000
    state = core.tick(state, PATIENCE_S)
    state, again = sent(state, now_s=PATIENCE_S)
    assert len(again) == UNHEARD_MAX
    state, again = sent(core.connected(state, 70), now_s=70)
    assert len(again) == UNHEARD_MAX
    state = core.acknowledged(state, ack(50), 80)
    assert sent(state, now_s=80)[1] == list(range(51, 1001))


def test_what_the_broker_has_stored_is_a_sign_of_life_where_it_is_news() -> None:
    state, _ = sent(opened(1000))
    state = core.connected(core.tick(state, PATIENCE_S), 70)
    assert len(sent(core.acknowledged(state, ack(50), 70, is_stored=True), now_s=70)[1]) == 950


def test_an_outage_of_the_line_under_a_centre_that_answers_is_no_silence() -> None:
    state, _ = sent(opened(1000), 500)
    state, _ = sent(core.acknowledged(state, ack(100), 1), 500)
    assert len(sent(core.connected(state, 20))[1]) == 900


def test_where_nothing_waits_patience_does_not_run_out() -> None:
    state = opened(0)
    assert core.deadline_s(state) is None
    state, numbers = sent(core.written(state, 1), now_s=10_000)
    assert numbers == [1]
    assert core.deadline_s(state) == 10_000 + PATIENCE_S


def test_where_nobody_listens_one_row_asks_now_and_then() -> None:
    state, _ = sent(opened(50), 10)
    state = core.not_taken(state, 0)
    assert sent(state, now_s=1)[1] == []
    assert core.deadline_s(state) == PROBE_S
    state, numbers = sent(state, now_s=PROBE_S)
    assert numbers == [1]
    assert sent(state, now_s=PROBE_S + 1)[1] == []
    assert sent(core.taken(state), now_s=PROBE_S + 1)[1] == list(range(2, 51))
    assert sent(core.acknowledged(state, ack(0), PROBE_S + 1), now_s=PROBE_S + 1)[1] == list(range(1, 51))


def test_a_centre_that_does_not_keep_up_holds_the_site_back() -> None:
    state = opened(3 * UNANSWERED_MAX)
    numbers: list[int] = []
    while (step := sent(state, 500))[1]:
        state = step[0]
        numbers += step[1]
    assert len(numbers) == UNANSWERED_MAX
    assert sent(core.acknowledged(state, ack(100), 1), 500)[1] == list(range(UNANSWERED_MAX + 1, UNANSWERED_MAX + 101))


def test_numbers_that_are_not_on_disk_any_more_are_waited_for_no_longer() -> None:
    state = core.acknowledged(sent(opened(10))[0], ack(10, (3, 7)), 1)
    state = core.given_up(state, (3, 7))
    assert (sent(state)[1], state.waits, state.rows) == ([], False, 0)


def centres_word(has: set[int], newest_seen: int) -> HistoryAck:
    """What a centre says that has these rows: all up to the hundredth hole."""
    missing, upto = [], 0
    for seq in range(1, newest_seen + 1):
        if seq not in has:
            if len(missing) == MISSING_MAX:
                break
            missing.append(seq)
        upto = seq
    return ack(upto, tuple(missing))


STEPS = st.lists(
    st.sampled_from(["write", "send", "lose", "ack", "lose ack", "cut", "restart", "wait", "nobody", "backup"]),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(STEPS, st.randoms(use_true_random=False))
def test_in_the_end_the_centre_has_every_row_and_no_row_is_given_up(steps: list[str], chance: object) -> None:  # noqa: C901 # one flat list
    """Rows are lost on the way, acknowledgements too; the site restarts with an old note of what the centre has; the
    centre is put back to a backup. Then the line is good for a while.
    """
    has: set[int] = set()
    backup: set[int] = set()
    now_s, written = 0.0, 0
    state, noted = opened(0), 0
    resend_from: int | None = None

    def word() -> HistoryAck:
        said = centres_word(has, max(has, default=0))
        return (
            said
            if resend_from is None or said.upto >= written
            else said.model_copy(update={"resend_from": said.upto + 1, "missing": ()})
        )

    for step in steps:
        now_s += 1
        state = core.tick(state, now_s)
        match step:
            case "write":
                written += 3
                state = core.written(state, written)
            case "send" | "lose" | "nobody":
                state, numbers = sent(state, 4, now_s)
                has |= set(numbers) if step == "send" else set()
                state = core.not_taken(state, now_s) if step == "nobody" else state
            case "ack":
                state = core.acknowledged(state, word(), now_s)
                noted = chance.choice([noted, state.upto])  # type: ignore[attr-defined]
                backup = set(has)
            case "cut":
                state = core.connected(state, now_s)
            case "restart":
                state = core.connected(Delivery("e", written, noted, noted), now_s)
            case "wait":
                now_s += 2 * PATIENCE_CAP_S
            case "backup":
                has = set(chance.sample(sorted(backup), len(backup) // 2)) if chance.random() < 0.5 else set(backup)  # type: ignore[attr-defined]
                has = {seq for seq in has if all(each in has for each in range(1, seq))}
                resend_from = 1
    for _ in range(200):
        now_s += 1
        state = core.tick(state, now_s)
        state, numbers = sent(state, 1000, now_s)
        has |= set(numbers)
        state = core.taken(state) if numbers else state
        state = core.acknowledged(state, word(), now_s)
        if len(has) == written and not state.waits:
            break
        now_s += PROBE_S
    assert has == set(range(1, written + 1))
    assert (state.waits, state.upto) == (False, written)
