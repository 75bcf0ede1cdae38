"""One site's push, from the desk's side: what is published to it, and what its reports mean. Pure.

::

    sent ──► deferred ──► trying ──► confirmed ──► applied
       │         │          │ ▲
       │         │          ▼ │ no check is worse any more
       │         │        held: a check is worse, or a person is asked
       ▼         ▼          ▼
     rejected, rolled_back, no_answer, …: what was stored for good on ``config/desired`` before is put back

A push ends with one outcome, and nothing is published to the site after that.
"""

from dataclasses import dataclass, replace
from typing import Literal

from agent.core.config_messages import ConfigConfirm, ConfigDesired, ConfigProblem, ConfigReported
from agent.core.wire import encode

Phase = Literal["sent", "deferred", "trying", "held", "confirmed"]
Outcome = Literal["applied", "unchanged", "rejected", "rolled_back", "deferred", "offline", "not_permitted",
                  "no_answer", "not_started"]  # fmt: skip
WELL: tuple[Outcome, ...] = ("applied", "unchanged")
REFUSED = 0x80  # MQTT 5, 2.4: from here on a reason code is a failure
LEFT, GOING_BACK = "left_with_site", "going_back"
ON_TRIAL: tuple[Phase, ...] = ("trying", "held")
DESIRED, CONFIRM = "config/desired", "config/confirm"


@dataclass(frozen=True, slots=True)
class Push:
    """One site. ``stored`` is what lay on ``config/desired`` before, and ``is_for_good`` whether it was to stay there;
    ``asks``: a person confirms, not the desk.

    ``worse`` are the checks that the site calls worse than before; ``outcome`` None: it is under way.
    """

    site: str
    message: ConfigDesired
    stored: bytes = b""
    is_for_good: bool = True
    asks: bool = False
    phase: Phase = "sent"
    outcome: Outcome | None = None
    reason: str | None = None
    errors: tuple[ConfigProblem, ...] = ()
    worse: tuple[str, ...] | None = None

    @property
    def before(self) -> bytes:
        """What is put back where this one fails: never an update of somebody else that nobody has confirmed."""
        return self.stored if self.is_for_good else b""

    @property
    def is_undecided(self) -> bool:
        """Whether it was left on trial with a site that decides by itself: nobody knows yet what comes of it."""
        return self.outcome == "deferred" and self.phase in ON_TRIAL


@dataclass(frozen=True, slots=True)
class Say:
    """Publish this to the site."""

    name: str
    raw: bytes
    retain: bool = True


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the person whether this site keeps it; the answer goes to ``answered``."""


Act = Say | Ask
Step = tuple[Push, tuple[Act, ...]]


def begin(push: Push) -> Step:
    """Send it."""
    return push, (Say(DESIRED, encode(push.message)),)


def heard(push: Push, report: ConfigReported) -> Step:
    """What the site says of an update; nothing where it is another one's, or the push has ended."""
    if push.outcome is not None or not _is_ours(push, report):
        return push, ()
    match report.state:
        case "deferred":
            # One that cannot go back just now says so in the same way; that one is not to be withdrawn any more.
            if report.reason == "room_on" and not push.message.confirm_within_s:
                return replace(push, outcome="deferred", reason=LEFT), ()  # nobody has to be here when it is off
            phase: Phase = "held" if (report.reason or "").startswith(GOING_BACK) else "deferred"
            return replace(push, phase=phase, reason=report.reason), ()
        case "applying":
            return (push if push.phase == "confirmed" else replace(push, phase="trying", reason=None)), ()
        case "pending_confirm":
            return _pending(push, report.checks_worse)
        case "applied":
            return applied(push)
        case state:
            worse = push.worse if report.checks_worse is None else report.checks_worse
            ended = replace(push, outcome=state, reason=report.reason, errors=report.errors, worse=worse)
            return ended, (Say(DESIRED, push.before),)


def applied(push: Push) -> Step:
    """It runs there. A box that is put in the place of this one finds it stored: nobody confirms it then, and nothing
    that it was made from runs there.
    """
    for_good = push.message.model_copy(update={"confirm_within_s": 0.0, "base_revision": None})
    return replace(push, outcome="applied", reason=None), (Say(DESIRED, encode(for_good)),)


def answered(push: Push, is_yes: bool) -> Step:
    """The person's answer to ``Ask``."""
    if push.outcome is not None or push.phase != "held":
        return push, ()
    return _confirmed(push) if is_yes else (replace(push, reason="declined"), ())


def receipt(push: Push, name: str, code: int) -> Step:
    """The broker's answer to what was published."""
    if push.outcome is not None or code < REFUSED:
        return push, ()
    # Where the broker keeps the update itself from the site there is nothing to put back either.
    back = () if name == DESIRED else _put_back(push)
    return replace(push, outcome="not_permitted", reason=None), back


def lost(push: Push) -> Step:
    """The broker has lost the site. Where it has not begun, nobody waits for it; one on trial goes back by itself, and
    says so when it is there again.
    """
    if push.outcome is not None or push.phase not in ("sent", "deferred"):
        return push, ()
    return replace(push, outcome="no_answer", reason="lost"), _put_back(push)


def give_up(push: Push, why: str) -> Step:
    """The time is over, or somebody has stopped all this (``why``). What waits there is withdrawn; what is on trial
    goes back by itself, for nobody will confirm it; unless nobody has to: then the site decides, and it is left alone.
    What has been confirmed stays, whether or not the site says so.
    """
    if push.outcome is not None:
        return push, ()
    if push.phase == "confirmed":
        return replace(push, outcome="no_answer", reason="confirmed"), ()
    goes_back = (push.reason or "").startswith(GOING_BACK)
    if push.phase in ON_TRIAL and not push.message.confirm_within_s and not goes_back:
        return replace(push, outcome="deferred", reason=LEFT), ()
    outcome: Outcome = "deferred" if push.phase == "deferred" else "no_answer"
    reason = {"sent": why, "deferred": f"withdrawn: {push.reason}"}.get(push.phase, "goes_back")
    return replace(push, outcome=outcome, reason=reason), _put_back(push)


def _pending(push: Push, worse: tuple[str, ...] | None) -> Step:
    known, push = push, replace(push, worse=worse)
    if push.phase == "confirmed":
        return _confirmed(push)  # it says so once more before its time is over: the word may have been lost
    if push.reason == "declined":
        return push, ()
    if worse is None:
        return replace(push, phase="trying", reason=None), ()
    if push.asks:
        is_asked = known.phase == "held" and known.worse == worse
        return replace(push, phase="held", reason=None), () if is_asked else (Ask(),)
    return (replace(push, phase="held", reason="checks_worse"), ()) if worse else _confirmed(push)


def _confirmed(push: Push) -> Step:
    word = Say(CONFIRM, encode(ConfigConfirm(id=push.message.id)), retain=False)
    return replace(push, phase="confirmed", reason=None), (word,)


def _put_back(push: Push) -> tuple[Act, ...]:
    """An empty message withdraws an update that waits; an old one in its place would not."""
    return (Say(DESIRED, b""), Say(DESIRED, push.before)) if push.before else (Say(DESIRED, b""),)


def _is_ours(push: Push, report: ConfigReported) -> bool:
    if report.id is None:  # it could not even read whose it is
        return report.state == "rejected" and report.revision == push.message.revision
    return report.id == push.message.id
