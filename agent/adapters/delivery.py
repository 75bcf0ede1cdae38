"""What of the history the centre has, and what is to be sent next. Pure; ``outbox.py`` carries it out.

Rows are numbered from 1; some numbers may be gone. The centre acknowledges all up to a number but for some that it
names (``missing``), and may ask for everything from a number again (``resend_from``) after it was put back to a backup.

::

    1 ........ upto ........ cursor ........ newest
    at the      sent on this      on disk, not sent yet
    centre      connection
"""

from dataclasses import dataclass, replace

from agent.core.contract import HistoryAck

# Rows that were sent and not acknowledged: more than a second's worth, which is how often the centre acknowledges.
UNANSWERED_MAX = 10_000
# Of a centre that has been silent before: enough to find out whether it is back, and no more for a line that costs.
UNHEARD_MAX = 100
# The centre answers within a second. Who says nothing for so long has not got it, or is away.
PATIENCE_S, PATIENCE_CAP_S = 60.0, 3600.0
# Where the broker says that nobody listens, or that it takes nothing, one row asks now and then.
PROBE_S = 60.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far it is.

    ``again`` are numbers that are sent before the cursor goes on; ``asked`` is the ``resend_from`` that is being
    followed on this connection, since ``asked_s``. ``heard_s`` is when the centre last made us hope (monotonic
    seconds): it acknowledged, or something was sent though nothing was waiting; ``silences`` how often it has let us
    wait in vain since; ``was_heard``: it has answered on this connection. ``named_s`` is when what is missing was last
    looked for. ``probe_s`` is when the next row may ask whether the broker takes rows again; None: it does.
    """

    epoch: str
    newest: int = 0
    upto: int = 0
    cursor: int = 0
    missing: tuple[int, ...] = ()
    again: tuple[int, ...] = ()
    asked: int | None = None
    asked_s: float = 0.0
    heard_s: float = 0.0
    silences: int = 0
    was_heard: bool = False
    named_s: float = 0.0
    probe_s: float | None = None

    @property
    def waits(self) -> bool:
        """Something was sent that the centre has not acknowledged."""
        return self.cursor > self.upto or bool(self.missing)

    @property
    def rows(self) -> int:
        """How many rows the centre has not, as far as their numbers tell."""
        return self.newest - self.upto + len(self.missing)

    @property
    def free_upto(self) -> int:
        """Rows up to here may go, but for the missing ones: the centre has them, and does not ask for them again."""
        return self.upto if self.asked is None else min(self.upto, self.asked - 1)

    @property
    def certain_upto(self) -> int:
        """All up to here is at the centre, also where nobody remembers what it asked for again."""
        return min([self.free_upto, *(seq - 1 for seq in self.missing)])

    @property
    def patience_s(self) -> float:
        """How long a sign of hope holds: each time in vain twice as long."""
        return float(min(PATIENCE_CAP_S, PATIENCE_S * 2 ** min(self.silences, 20)))


@dataclass(frozen=True, slots=True)
class Turn:
    """What to send next: the numbers ``again``, and after those ``count`` rows above ``after``, in their order."""

    again: tuple[int, ...] = ()
    after: int = 0
    count: int = 0


def connected(delivery: Delivery, now_s: float) -> Delivery:
    """A new connection: what the last one had under way may be lost, and is sent again. A centre that was silent before
    it is not heard yet; nor is one that answered nothing of what was sent on the last connection, on a line that never
    stands for as long as patience lasts. That is one silence however often: the line need not wait an hour for it.
    """
    was_silent = delivery.cursor > delivery.upto and not delivery.was_heard
    silences = max(delivery.silences, int(was_silent))
    return replace(_rewound(delivery, now_s, silences), probe_s=None, was_heard=False)


def not_taken(delivery: Delivery, now_s: float) -> Delivery:
    """The broker has nobody who listens, or takes nothing from us."""
    return replace(_rewound(delivery, now_s, delivery.silences), probe_s=now_s + PROBE_S)


def taken(delivery: Delivery) -> Delivery:
    """The broker has passed a row on."""
    return delivery if delivery.probe_s is None else replace(delivery, probe_s=None)


def written(delivery: Delivery, newest: int) -> Delivery:
    """Rows up to ``newest`` are on disk."""
    return replace(delivery, newest=max(delivery.newest, newest))


def is_ahead(delivery: Delivery, ack: HistoryAck) -> bool:
    """The centre has rows of this epoch that we never made: this disk is a copy of an older one, and would give
    numbers a second time. Nothing more may be written under this epoch.
    """
    return ack.epoch == delivery.epoch and ack.upto > delivery.newest


def acknowledged(delivery: Delivery, ack: HistoryAck, now_s: float, is_stored: bool = False) -> Delivery:
    """The centre says what it has. Of another epoch, or of rows that are not ours, it says nothing.

    ``is_stored``: the broker had it. A centre that is dead says that at each connection: unless it is news, it is no
    sign of life.
    """
    if ack.epoch != delivery.epoch or is_ahead(delivery, ack):
        return delivery
    delivery = _asked(delivery, ack, now_s)
    if ack.upto < delivery.upto:
        return delivery
    missing = tuple(sorted({seq for seq in ack.missing if seq <= ack.upto}))
    new = [seq for seq in missing if seq not in delivery.missing]
    if not delivery.again and now_s >= delivery.named_s + PATIENCE_S:
        new = list(missing)  # what was sent for them was lost too: to a reader of the same group who is no more, say
    named_s = now_s if new else delivery.named_s
    is_progress = ack.upto > delivery.upto or len(missing) < len(delivery.missing)
    is_alive = is_progress or not is_stored
    is_back = is_alive and (delivery.silences > 0 or delivery.probe_s is not None)
    if is_back and delivery.asked is None:  # it had been silent, and what was sent meanwhile may be lost
        delivery = replace(_rewound(delivery, now_s, 0), probe_s=None)
    if is_progress:
        delivery = replace(delivery, heard_s=now_s, silences=0)
    return replace(
        delivery,
        upto=ack.upto,
        cursor=max(delivery.cursor, ack.upto) if delivery.asked is None else delivery.cursor,
        missing=missing,
        named_s=named_s,
        was_heard=delivery.was_heard or is_alive,
        again=(*(seq for seq in delivery.again if seq in missing or seq > ack.upto), *new),
    )


def settled(delivery: Delivery, upto: int, now_s: float) -> Delivery:
    """All up to ``upto`` is at the broker, which is enough where there is no centre (``acknowledge = "broker"``)."""
    if upto <= delivery.upto:
        return delivery
    return replace(delivery, upto=upto, heard_s=now_s, silences=0, was_heard=True)


def turn(delivery: Delivery, most: int, unanswered: int, now_s: float) -> tuple[Delivery, Turn]:
    """What to send next, at most ``most`` rows.

    Args:
        delivery: The state before.
        most: How many rows are wanted.
        unanswered: How many rows were sent that the centre has not acknowledged.
        now_s: Monotonic seconds.

    Returns:
        The state after, but for the cursor: ``advanced`` says how far the rows came.
    """
    if delivery.probe_s is not None:
        most = min(most, int(now_s >= delivery.probe_s))
    if most <= 0:
        return delivery, Turn(after=delivery.cursor)
    if delivery.probe_s is not None:
        delivery = replace(delivery, probe_s=now_s + PROBE_S)
    if not delivery.waits:
        delivery = replace(delivery, heard_s=now_s)
    again = delivery.again[:most]
    bound = UNHEARD_MAX if delivery.silences else UNANSWERED_MAX
    # What the centre asked for once more is behind ``upto``; the bound is for what it has not.
    room = most if delivery.cursor < delivery.upto else bound - unanswered
    count = max(0, min(most - len(again), room)) if delivery.cursor < delivery.newest else 0
    return replace(delivery, again=delivery.again[len(again) :]), Turn(again, delivery.cursor, count)


def advanced(delivery: Delivery, cursor: int) -> Delivery:
    """Rows up to ``cursor`` are on their way; between there may be numbers that are gone."""
    return replace(delivery, cursor=max(delivery.cursor, cursor))


def given_up(delivery: Delivery, seqs: tuple[int, ...]) -> Delivery:
    """These numbers are not on disk any more; what is sent in their place says so."""
    gone = set(seqs)
    return replace(
        delivery,
        missing=tuple(seq for seq in delivery.missing if seq not in gone),
        again=tuple(seq for seq in delivery.again if seq not in gone),
    )


def deadline_s(delivery: Delivery) -> float | None:
    """When patience with the centre ends (monotonic seconds); None: nothing is waited for."""
    if delivery.probe_s is not None:
        return delivery.probe_s if delivery.rows else None
    return delivery.heard_s + delivery.patience_s if delivery.waits else None


def tick(delivery: Delivery, now_s: float) -> Delivery:
    """Where the centre has said nothing for too long, what it has not is sent again, each time after longer: a centre
    that is away for a day must not fill the broker with copies.
    """
    due_s = deadline_s(delivery)
    if delivery.probe_s is not None or due_s is None or now_s < due_s:
        return delivery
    return _rewound(delivery, now_s, delivery.silences + 1)


def _rewound(delivery: Delivery, now_s: float, silences: int) -> Delivery:
    return replace(delivery, cursor=delivery.upto, again=delivery.missing, asked=None, heard_s=now_s, silences=silences)


def _asked(delivery: Delivery, ack: HistoryAck, now_s: float) -> Delivery:
    """Follow a wish for everything from a number again. While that is on its way the same wish, which goes up as rows
    arrive, is no other; what is still wished for a minute after all was sent is.
    """
    wanted = ack.resend_from
    if wanted is None:
        return replace(delivery, asked=None, cursor=max(delivery.cursor, delivery.upto))
    is_done = delivery.cursor >= delivery.newest and now_s >= delivery.asked_s + PATIENCE_S
    if delivery.asked is not None and wanted >= delivery.asked and not is_done:
        return delivery
    return replace(delivery, asked=wanted, asked_s=now_s, cursor=min(delivery.cursor, max(0, wanted - 1)))
