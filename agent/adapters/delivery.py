"""What of the history the centre has, and what is to be sent next. Pure; ``adapters/outbox.py`` carries it out.

Rows are numbered from 1 without holes. The centre acknowledges all up to a number but for some that it names
(``missing``), and may ask for everything from a number again (``resend_from``), when it was restored from a backup.

::

    1 ........ upto ........ cursor ........ newest
    at the      sent on this      on disk, not sent yet
    centre      connection
"""

from dataclasses import dataclass, replace

from agent.core.contract import HistoryAck

# Sent and not acknowledged: more than a second's worth, which is how often the centre acknowledges, of a fast line.
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
    followed on this connection. ``heard_s`` is when the centre last made us hope (monotonic seconds): it acknowledged,
    or something was sent though nothing was waiting; ``patience_s`` how long that holds. ``probe_s`` is when the next
    row may ask whether the broker takes rows again; None: it does.
    """

    epoch: str
    newest: int = 0
    upto: int = 0
    cursor: int = 0
    missing: tuple[int, ...] = ()
    again: tuple[int, ...] = ()
    asked: int | None = None
    heard_s: float = 0.0
    patience_s: float = PATIENCE_S
    probe_s: float | None = None

    @property
    def waits(self) -> bool:
        """Something was sent that the centre has not acknowledged."""
        return self.cursor > self.upto or bool(self.missing)

    @property
    def rows(self) -> int:
        """How many rows are on disk that the centre has not."""
        return self.newest - self.upto + len(self.missing)


def connected(delivery: Delivery, now_s: float) -> Delivery:
    """A new connection: what the last one had under way may be lost, and is sent again. A centre that was silent before
    it is not heard yet.
    """
    return replace(_rewound(delivery, now_s, delivery.patience_s), asked=None, probe_s=None)


def not_taken(delivery: Delivery, now_s: float) -> Delivery:
    """The broker has nobody who listens, or takes nothing from us."""
    return replace(_rewound(delivery, now_s, delivery.patience_s), probe_s=now_s + PROBE_S)


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


def acknowledged(delivery: Delivery, ack: HistoryAck, now_s: float) -> Delivery:
    """The centre says what it has. Of another epoch, or of rows that are not ours, it says nothing."""
    if ack.epoch != delivery.epoch or is_ahead(delivery, ack):
        return delivery
    delivery = _asked(delivery, ack)
    if ack.upto < delivery.upto:
        return delivery
    missing = tuple(sorted({seq for seq in ack.missing if seq <= ack.upto}))
    new = [seq for seq in missing if seq not in delivery.missing]
    is_back = delivery.patience_s > PATIENCE_S or delivery.probe_s is not None
    if is_back and delivery.asked is None:  # it had been silent, and what was sent meanwhile may be lost
        delivery = replace(_rewound(delivery, now_s, PATIENCE_S), probe_s=None)
    is_progress = ack.upto > delivery.upto or len(missing) < len(delivery.missing)
    if is_progress:
        delivery = replace(delivery, heard_s=now_s, patience_s=PATIENCE_S)
    return replace(
        delivery,
        upto=ack.upto,
        cursor=max(delivery.cursor, ack.upto) if delivery.asked is None else delivery.cursor,
        missing=missing,
        again=(*(seq for seq in delivery.again if seq in missing or seq > ack.upto), *new),
    )


def settled(delivery: Delivery, upto: int, now_s: float) -> Delivery:
    """All up to ``upto`` is at the broker, which is enough where there is no centre (``acknowledge = "broker"``)."""
    if upto <= delivery.upto:
        return delivery
    return replace(delivery, upto=upto, heard_s=now_s, patience_s=PATIENCE_S)


def take(delivery: Delivery, most: int, now_s: float) -> tuple[Delivery, tuple[int, ...], int, int]:
    """What to send next, at most ``most`` rows.

    Returns:
        The state after it is sent; the numbers that are wanted again; and, after those, from where (exclusive) and how
        many rows in their order.
    """
    if delivery.probe_s is not None:
        most = min(most, int(now_s >= delivery.probe_s))
    if most <= 0:
        return delivery, (), delivery.cursor, 0
    if delivery.probe_s is not None:
        delivery = replace(delivery, probe_s=now_s + PROBE_S)
    if not delivery.waits:
        delivery = replace(delivery, heard_s=now_s)
    again = delivery.again[:most]
    # What the centre asked for once more is behind ``upto``; the window is for what it has not.
    is_behind = delivery.cursor < delivery.upto
    bound = UNANSWERED_MAX if delivery.patience_s == PATIENCE_S else UNHEARD_MAX
    room = most if is_behind else bound - (delivery.cursor - delivery.upto)
    count = max(0, min(most - len(again), room, delivery.newest - delivery.cursor))
    cursor = delivery.cursor
    return replace(delivery, again=delivery.again[len(again) :], cursor=cursor + count), again, cursor, count


def given_up(delivery: Delivery, seqs: tuple[int, ...]) -> Delivery:
    """These numbers are not on disk any more, and the centre has been told so."""
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
    """Where the centre has said nothing for too long, all that it has not is sent again, each time after longer: a
    centre that is away for a day must not fill the broker with copies.
    """
    due_s = deadline_s(delivery)
    if delivery.probe_s is not None or due_s is None or now_s < due_s:
        return delivery
    return _rewound(delivery, now_s, min(PATIENCE_CAP_S, 2 * delivery.patience_s))


def _rewound(delivery: Delivery, now_s: float, patience_s: float) -> Delivery:
    return replace(delivery, cursor=delivery.upto, again=delivery.missing, heard_s=now_s, patience_s=patience_s)


def _asked(delivery: Delivery, ack: HistoryAck) -> Delivery:
    """Follow a wish for everything from a number again, once for each connection and each lower number."""
    wanted = ack.resend_from
    if wanted is None:
        return replace(delivery, asked=None, cursor=max(delivery.cursor, delivery.upto))
    if delivery.asked is not None and wanted >= delivery.asked:
        return delivery
    return replace(delivery, asked=wanted, cursor=min(delivery.cursor, max(0, wanted - 1)))
