"""Which commands from the centre are carried out: never a stored, old, repeated or unreadable one.

::

    message ──► id readable? ── no ──► a line in the log
                   │ known id ───────► its result again
                   │ too many, malformed, retained, too old, no such action ──► refused
                   ▼
               carried out (actions.py) ──► KeepResult ──► ResultKept ──► effect and result

An id has exactly one final state; what takes longer is ``accepted`` before. Those that were carried out are remembered
on disk, before anything acts; refused ones in memory only, since a flood must not wear out the card.
"""

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta

from pydantic import ValidationError

from agent.core.commands import Command, Log
from agent.core.contract import CommandMessage, IdentifyArgs, LoadArgs, NoArgs, Payload, PowerArgs, RecountArgs, refusal
from agent.core.events import MessageReceived, Now, Recount, Settled
from agent.core.power import Wish
from agent.core.reading import Reading, read

ACTIONS: dict[str, type[Payload]] = {
    "power": PowerArgs,
    "load": LoadArgs,
    "identify": IdentifyArgs,
    "recount": RecountArgs,
    "report": NoArgs,
    "aim": NoArgs,
    "restart": NoArgs,
}
ACTIONS_FOR_ALL = {"report"}

# The contract's: a command without a message expiry is believed for so long.
AGE_MAX_S = 30.0
# A person sends one, a drill one to each site. Each that is carried out costs a commit, up to 0.1 s on a slow card: a
# burst holds the agent up for a few seconds at most, and a flood no longer than that.
BURST, PER_S = 40, 5.0
# Of those that switch: a relay's contact is good for some 100,000 times under load, and a script that toggles one for a
# month must not use them up. Source: datasheets of common relay boards (Songle SRD: 100,000 operations at rated load).
SWITCH_BURST, SWITCH_PER_S = 10, 1 / 30
KEPT, KEPT_FOR = 1000, timedelta(days=7)
REFUSED_KEPT = 1000
# A result this large is the geometry of a room, which changes nothing when it is asked for again.
LARGE_BYTES, LARGE_KEPT = 1024, 16


@dataclass(frozen=True, slots=True)
class Pending:
    """A command that acts as soon as its result is on disk. ``recounts``: all of them with the new one; ``wish``: what
    it wants of the room's power; ``identify_s``: for how long the lamp is to show which room this is; ``restart``: the
    agent is to end and begin anew."""

    settled: Settled
    recounts: tuple[Recount, ...] | None = None
    say_all: bool = False
    wish: Wish | None = None
    identify_s: float | None = None
    restart: bool = False


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket: how many more may come at once, and when that was reckoned (monotonic)."""

    tokens: float
    filled_s: float | None = None

    def paid(self, now_s: float, burst: int, per_s: float) -> tuple["Bucket", bool]:
        """The bucket after one more, and whether there was a token for it."""
        since_s = 0.0 if self.filled_s is None else max(0.0, now_s - self.filled_s)
        tokens = min(float(burst), self.tokens + since_s * per_s)
        is_paid = tokens >= 1
        return Bucket(tokens - 1 if is_paid else tokens, now_s), is_paid


@dataclass(frozen=True, slots=True)
class Commanding:
    """What is known of commands: results by id, oldest first, and how many more may come at once."""

    executed: dict[str, Settled] = field(default_factory=dict)
    refused: dict[str, Settled] = field(default_factory=dict)
    pending: Pending | None = None
    large: tuple[str, ...] = ()  # of the executed ones, those with a large result
    bucket: Bucket = Bucket(BURST)
    switch_bucket: Bucket = Bucket(SWITCH_BURST)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about a message: carry out ``order``, or send ``answer``, or neither."""

    commanding: Commanding
    order: CommandMessage | None = None
    answer: Settled | None = None
    remarks: tuple[Command, ...] = ()


def judge(commanding: Commanding, message: MessageReceived, now: Now, for_all: bool) -> Verdict:
    """Say what to do about a message on a command topic. Pure.

    Args:
        commanding: The state before.
        message: As it came.
        now: When it is handled.
        for_all: It came on the topic of all sites.
    """
    commanding, is_paid = _paid(commanding, now.mono_s)
    reading = read(message.payload)
    if reading.id is None:
        return Verdict(commanding, remarks=_remark(is_paid, f"one that nobody can be told about: {reading.why}"))
    known = commanding.executed.get(reading.id) or commanding.refused.get(reading.id)
    if known is not None:
        return Verdict(commanding, answer=known if is_paid else None)
    reason = "too_many" if not is_paid else _refusal(reading, message, now, for_all)
    if reason is None:
        return Verdict(commanding, order=reading.command)
    answer = Settled(reading.id, now.utc, "refused", reason)
    remarks = _remark(is_paid, f"{reading.id} refused: {reason}")
    return Verdict(unkept(commanding, answer), answer=answer, remarks=remarks)


def remember(commanding: Commanding, settled: Settled, now: Now) -> tuple[Commanding, tuple[str, ...]]:
    """Know a command that was carried out, and let go of what is too old or too much. Returns what is forgotten."""
    kept = {**commanding.executed, settled.id: settled}
    large = (*commanding.large, settled.id) if is_large(settled) else commanding.large
    forget = {each.id for each in kept.values() if now.synced and now.utc - each.at > KEPT_FOR}
    forget |= {*large[:-LARGE_KEPT], *list(kept)[:-KEPT]}
    left = {id_: each for id_, each in kept.items() if id_ not in forget}
    large = tuple(id_ for id_ in large if id_ in left)
    return replace(commanding, executed=left, large=large), tuple(id_ for id_ in kept if id_ in forget)


def recalled(settled: tuple[Settled, ...]) -> Commanding:
    """Know what an earlier run carried out, oldest first."""
    newest = settled[-KEPT:]
    return Commanding({each.id: each for each in newest}, large=tuple(each.id for each in newest if is_large(each)))


def is_large(settled: Settled) -> bool:
    """Whether a result is too large to keep a thousand of."""
    return len(json.dumps(settled.result)) > LARGE_BYTES


def unkept(commanding: Commanding, settled: Settled) -> Commanding:
    """Know a final state in memory only."""
    newest = [*commanding.refused.items(), (settled.id, settled)][-REFUSED_KEPT:]
    return replace(commanding, refused=dict(newest))


def _refusal(reading: Reading, message: MessageReceived, now: Now, for_all: bool) -> str | None:
    command = reading.command
    if message.retain:
        return "retained"
    if command is None:
        return f"malformed: {reading.why}"
    if command.action not in ACTIONS:
        return "unknown_action"
    if for_all and command.action not in ACTIONS_FOR_ALL:
        return "not_for_all"
    try:
        ACTIONS[command.action].model_validate(command.args)
    except ValidationError as error:
        return f"malformed: args.{refusal(error)}"
    return _age_refusal(command, message, now)


def _age_refusal(command: CommandMessage, message: MessageReceived, now: Now) -> str | None:
    """Why a command is too old, or too far ahead.

    The broker lets go of what expires while it waits there. It does not see how long a command lay at its sender, or
    here: so the time issued is looked at too. How long a life it was given cannot be seen, only what is left.
    """
    left_s = None
    if message.expiry_s is not None:
        waited_s = 0.0 if message.received_s is None else now.mono_s - message.received_s
        left_s = message.expiry_s - waited_s
        if left_s < 0:
            return "expired"
    if not now.synced:
        return "clock_unsynced" if left_s is None else None
    age_s = (now.utc - command.issued_at).total_seconds()
    if abs(age_s) <= AGE_MAX_S + (left_s or 0.0):
        return None
    return "expired" if age_s > 0 else "issued_in_future"


def paid_to_switch(commanding: Commanding, now_s: float) -> tuple[Commanding, bool]:
    """Whether one more command may switch now. Those that change nothing cost nothing, and are not asked about."""
    bucket, is_paid = commanding.switch_bucket.paid(now_s, SWITCH_BURST, SWITCH_PER_S)
    return replace(commanding, switch_bucket=bucket), is_paid


def _paid(commanding: Commanding, now_s: float) -> tuple[Commanding, bool]:
    bucket, is_paid = commanding.bucket.paid(now_s, BURST, PER_S)
    return replace(commanding, bucket=bucket), is_paid


def _remark(is_paid: bool, sentence: str) -> tuple[Command, ...]:
    """A line in the log, unless there are too many to be worth it."""
    return (Log("warning", f"command: {sentence}"),) if is_paid else ()
