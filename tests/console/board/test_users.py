"""Users, sessions and guesses at passwords; the clock is the test's."""

import queue
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, select

from agent.console.board.acks import AckLog, AckReader
from agent.console.board.attempts import (
    FORGOTTEN_S,
    FREE,
    FREE_OF_ALL,
    LONGEST_OF_NAME_S,
    LONGEST_WAIT_S,
    Attempts,
    wait_s,
)
from agent.console.board.board_tables import ATTEMPT, SESSION, USER
from agent.console.board.deeds import FORGOTTEN_AFTER_S, DeedLog
from agent.console.board.sessions import LASTS_S, SEEN_EVERY_S, Sessions
from agent.console.board.users import UserError, Users
from agent.console.recorder_tables import META
from tests.conftest import PATIENCE_S
from tests.console.board.access_bed import PASSWORD


class Clock:
    """Seconds since 1970, as a test has them."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    made = create_engine(url)
    META.create_all(made)
    yield made
    made.dispose()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with opened(f"sqlite:///{tmp_path}/centre.db") as made:
        yield made


@pytest.fixture
def users(engine: Engine, clock: Clock) -> Users:
    made = Users(engine, clock)
    made.add("Lan", "operator", PASSWORD)
    return made


def test_a_user_signs_in_whatever_the_case_of_the_letters(users: Users) -> None:
    found = users.check("LAN", PASSWORD)
    assert found is not None
    assert (found.name, found.role) == ("Lan", "operator")
    assert users.check("Lan", PASSWORD + "x") is None
    assert users.check("lan ", PASSWORD) is None
    assert users.check("Hùng", PASSWORD) is None
    assert users.check("a\0b", PASSWORD) is None


def test_accents_may_be_put_together_in_either_way(users: Users) -> None:
    """macOS types them in parts, Windows as one letter."""
    users.add(unicodedata.normalize("NFD", "Nguyễn Thị Hà"), "viewer", unicodedata.normalize("NFD", PASSWORD))
    assert users.check(unicodedata.normalize("NFC", "NGUYỄN THỊ HÀ"), PASSWORD) is not None
    with pytest.raises(UserError, match="already"):
        users.add("nguyễn thị hà", "viewer", PASSWORD)


@pytest.mark.parametrize("name", ["", "a" * 41, " Lan", "Lan ", "L\nan", "L\u202ean", "L\0an", "L\x1b[2Jan"])
def test_a_name_that_nobody_could_read_is_refused(users: Users, name: str) -> None:
    with pytest.raises(UserError, match="printable"):
        users.add(name, "viewer", PASSWORD)


@pytest.mark.parametrize("password", ["", "123456789", "x" * 501])
def test_a_short_password_is_refused(users: Users, password: str) -> None:
    with pytest.raises(UserError, match="at least 10"):
        users.add("Hùng", "viewer", password)
    with pytest.raises(UserError, match="at least 10"):
        users.set_password("Lan", password)
    assert users.check("Lan", PASSWORD) is not None


def test_neither_passwords_nor_tokens_are_in_the_database(users: Users, engine: Engine, clock: Clock) -> None:
    user = users.check("Lan", PASSWORD)
    assert user is not None
    token = Sessions(engine, clock).begin(user)
    with engine.connect() as db:
        kept = f"{db.execute(select(USER)).all()} {db.execute(select(SESSION)).all()}"
    assert "$argon2id$" in kept
    assert PASSWORD not in kept
    assert token not in kept


@pytest.mark.parametrize("role", ["viewer", "operator", "technician"])
def test_a_session_lasts_from_its_last_use(users: Users, engine: Engine, clock: Clock, role: str) -> None:
    users.set_role("Lan", role)  # type: ignore[arg-type]
    user = users.check("Lan", PASSWORD)
    assert user is not None
    sessions, lasts_s = Sessions(engine, clock), LASTS_S[user.role]
    token = sessions.begin(user)
    for _ in range(3):
        clock.now_s += lasts_s - 1
        assert sessions.find(token) is not None
    clock.now_s += lasts_s - 1
    assert sessions.find(token, is_used=False) is not None
    clock.now_s += 2
    assert sessions.find(token) is None


def test_a_session_that_is_used_all_the_time_is_not_written_all_the_time(
    users: Users, engine: Engine, clock: Clock
) -> None:
    user = users.check("Lan", PASSWORD)
    assert user is not None
    sessions = Sessions(engine, clock)
    token = sessions.begin(user)
    clock.now_s += SEEN_EVERY_S
    assert sessions.find(token) is not None
    with engine.connect() as db:
        assert db.execute(select(SESSION.c.seen_s)).scalar_one() == clock.now_s - SEEN_EVERY_S


def test_another_role_counts_at_once_and_shortens_a_long_session(users: Users, engine: Engine, clock: Clock) -> None:
    users.set_role("Lan", "viewer")
    user = users.check("Lan", PASSWORD)
    assert user is not None
    sessions = Sessions(engine, clock)
    token = sessions.begin(user)
    clock.now_s += 13 * 3600
    users.set_role("lan", "technician")
    assert sessions.find(token) is None  # a technician's session would have ended an hour ago
    users.set_role("lan", "viewer")
    found = sessions.find(token)
    assert found is not None
    assert found.user.role == "viewer"


@pytest.mark.parametrize(
    "ending",
    [
        lambda users, sessions, token: sessions.end(token),
        lambda users, sessions, token: users.set_password("Lan", "another password"),
        lambda users, sessions, token: users.remove("LAN"),
    ],
    ids=["signed out", "another password", "removed"],
)
def test_what_ends_a_session(
    users: Users, engine: Engine, clock: Clock, ending: Callable[[Users, Sessions, str], None]
) -> None:
    user = users.check("Lan", PASSWORD)
    assert user is not None
    sessions = Sessions(engine, clock)
    token = sessions.begin(user)
    ending(users, sessions, token)
    assert sessions.find(token) is None
    if not users.count():  # somebody else of that name does not come in by the old cookie
        users.add("Lan", "technician", PASSWORD)
        assert sessions.find(token) is None


def test_sessions_that_have_ended_are_forgotten(users: Users, engine: Engine, clock: Clock) -> None:
    user = users.check("Lan", PASSWORD)
    assert user is not None
    sessions = Sessions(engine, clock)
    sessions.begin(user)
    clock.now_s += max(LASTS_S.values()) + 1
    sessions.begin(user)
    with engine.connect() as db:
        assert len(db.execute(select(SESSION)).all()) == 1


def test_nobody_is_told_by_name_who_is_not_there(users: Users) -> None:
    for act in (
        users.remove,
        lambda name: users.set_role(name, "viewer"),
        lambda name: users.set_password(name, PASSWORD),
    ):
        with pytest.raises(UserError, match="there is no user"):
            act("Hùng")


def test_waits_grow_and_are_forgotten() -> None:
    waits = [wait_s(failures, FREE, 0.0) for failures in range(FREE + 8)]
    assert waits[: FREE + 2] == [0, 0, 0, 0, 0, 30, 60]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT_S
    assert wait_s(FREE, FREE, 29.0) == 1.0
    assert wait_s(1000, FREE, FORGOTTEN_S) == 0.0


def test_who_guesses_has_to_wait_and_others_need_not(engine: Engine, clock: Clock) -> None:
    here, beside = Attempts(engine, clock), Attempts(engine, clock)  # two boards
    for attempts in (here, beside, here, beside, here):
        assert attempts.begin("Lan", "10.0.0.1") == 0
    assert here.begin("LAN", "10.0.0.1") == 30
    assert beside.begin("lan", "10.0.0.1") == 30
    assert here.begin("Lan", "10.0.0.2") == 0
    assert here.begin("Hùng", "10.0.0.1") == 0
    clock.now_s += 30
    assert here.begin("Lan", "10.0.0.1") == 0
    assert here.begin("Lan", "10.0.0.1") == 60
    clock.now_s += FORGOTTEN_S
    assert [here.begin("Lan", "10.0.0.1") for _ in range(FREE + 1)] == [0] * FREE + [30]


def test_the_right_password_makes_the_wrong_ones_forgotten(engine: Engine, clock: Clock) -> None:
    attempts = Attempts(engine, clock)
    for _ in range(FREE):
        attempts.begin("Lan", "10.0.0.1")
    attempts.succeeded("Lan", "10.0.0.1")
    assert attempts.begin("Lan", "10.0.0.1") == 0


def test_one_address_for_many_names_and_one_name_from_many_addresses_wait_too(engine: Engine, clock: Clock) -> None:
    attempts = Attempts(engine, clock)
    assert [attempts.begin(f"n{number}", "10.0.0.1") for number in range(FREE_OF_ALL)] == [0] * FREE_OF_ALL
    assert attempts.begin("n", "10.0.0.1") > 0
    assert [attempts.begin("Lan", f"10.0.1.{number}") for number in range(FREE_OF_ALL)] == [0] * FREE_OF_ALL
    assert 0 < attempts.begin("Lan", "10.0.2.1") <= LONGEST_OF_NAME_S


def test_whoever_knows_a_name_keeps_its_owner_out_for_half_a_minute_at_most(engine: Engine, clock: Clock) -> None:
    attempts = Attempts(engine, clock)
    for number in range(FREE_OF_ALL + 20):
        attempts.begin("Lan", f"10.0.{number}.1")
        clock.now_s += LONGEST_OF_NAME_S
    attempts.begin("Lan", "10.1.0.1")
    assert attempts.begin("Lan", "10.2.0.1") == LONGEST_OF_NAME_S
    clock.now_s += LONGEST_OF_NAME_S
    assert attempts.begin("Lan", "10.2.0.1") == 0
    with engine.connect() as db:
        assert "Lan" not in str(db.execute(select(ATTEMPT)).all())  # somebody may have typed a password there


def test_both_databases_keep_all_of_it(url: str, clock: Clock) -> None:
    with opened(url) as engine:
        users, sessions, attempts = Users(engine, clock), Sessions(engine, clock), Attempts(engine, clock)
        users.add("Lan", "technician", PASSWORD)
        with pytest.raises(UserError, match="already"):
            users.add("LAN", "viewer", PASSWORD)
        user = users.check("lan", PASSWORD)
        assert user is not None
        token = sessions.begin(user)
        clock.now_s += SEEN_EVERY_S + 1
        assert sessions.find(token) is not None
        assert [attempts.begin("Lan", "::1") for _ in range(FREE + 1)] == [0] * FREE + [30]
        attempts.succeeded("Lan", "::1")
        assert attempts.begin("Lan", "::1") == 0
        acks, deeds = AckLog(engine, clock), DeedLog(engine, clock)
        acks.keep("chi-linh", "lost", None, "Lan")
        acks.keep("chi-linh", "lost", None, "Hùng")
        assert [(key, ack.by, ack.since_s) for key, ack in acks.all().items()] == [(("chi-linh", "lost"), "Lan", None)]
        number = deeds.begin("Lan", "chi-linh", "power", {"on": True})
        assert [deed.state for deed in deeds.last("chi-linh")] == ["asked"]
        deeds.finish(number, "refused", "locked")
        assert [(deed.id, deed.reason) for deed in deeds.last()] == [(number, "locked")]
        users.remove("Lan")
        assert sessions.find(token) is None


def test_what_nobody_noted_the_outcome_of_is_not_under_way_for_ever(engine: Engine, clock: Clock) -> None:
    deeds = DeedLog(engine, clock)
    number = deeds.begin("Lan", "chi-linh", "power", {"on": True})
    clock.now_s += FORGOTTEN_AFTER_S + 1
    found = deeds.find(number)
    assert found is not None
    assert found.state == "forgotten"


def test_a_deed_is_told_in_words(engine: Engine, clock: Clock) -> None:
    deeds = DeedLog(engine, clock)
    number = deeds.begin("Lan", "chi-linh", "load", {"name": "đèn", "on": False})
    for state, reason, vietnamese in [
        ("refused", "locked", "điểm cầu từ chối: đang họp, phòng đã khoá"),
        (
            "failed",
            "codec: not_proven: cam",
            "không làm được: codec: thiết bị không phản hồi kịp (cam)",
        ),
        ("refused", "mới\n", "điểm cầu từ chối: mới\ufffd"),
        ("silent", "not_permitted", "máy chủ không cho phép gửi lệnh"),
        ("done", None, "xong"),
    ]:
        deeds.finish(number, state, reason)
        found = deeds.find(number)
        assert found is not None
        assert found.what == ("tắt đèn", "đèn off")
        assert found.outcome[0] == vietnamese


def test_the_log_says_who_did_what(engine: Engine, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "diemcau.board")
    deeds = DeedLog(engine, clock)
    deeds.finish(deeds.begin("Lan", "chi-linh", "power", {"on": False}), "refused", "locked")
    assert caplog.messages == ['board: Lan: power chi-linh {"on": false}: refused locked']


def test_boards_read_each_others_acknowledgements(engine: Engine, clock: Clock) -> None:
    heard: queue.SimpleQueue[object] = queue.SimpleQueue()
    reader = AckReader(AckLog(engine, clock), heard.put, every_s=0.01)
    reader.start()
    AckLog(engine, clock).keep("chi-linh", "lost", 5.0, "Lan")
    found = heard.get(timeout=PATIENCE_S)
    reader.close()
    assert found == AckLog(engine).all()
    assert heard.empty()
