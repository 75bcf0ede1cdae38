"""What ``diemcau doctor`` makes of what it sees on a box: ok, warning or failed, each with a reason. Pure.

What a room asks itself all the time stands in ``core/checkup.py`` and is judged there; here is what only a technician
asks: files, certificates, lines, units, rights. The sentences on what to do are in ``core/remedies.py``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from agent.core.boot_levels import boot_lines, levels
from agent.core.checkup import Finding, Group
from agent.core.config import PowerSection

Verdict = Literal["ok", "warning", "failed"]
Judged = tuple[Verdict, str | None]

# The handbook for a commune's room goes this way: connection, display, sound; then power and the box.
GROUPS: tuple[Group, ...] = ("connect", "display", "audio", "power", "box")
# FAULTS 35: three warnings, the nearest end first. Within a day it has failed: this examination may be the last that
# anybody looks at before a conference.
WITHIN_DAY = "expires_within_day"
ENDS_SOON: tuple[tuple[timedelta, Verdict, str], ...] = (
    (timedelta(days=1), "failed", WITHIN_DAY),
    (timedelta(days=7), "warning", "expires_within_week"),
    (timedelta(days=30), "warning", "expires_soon"),
)
OURS = "diemcau"  # the name under which the agent holds its lines
WANTED_GROUPS = ("gpio", "video", "audio")
WATCHDOG_MAX_S = 15.0  # a Raspberry Pi's hardware counts to 15.99 s; more is refused, or counted modulo 16


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One check. ``kind`` is what the advice goes by, ``seen`` the bare fact (an address, a date, an owner)."""

    name: str
    kind: str
    group: Group
    state: Verdict = "ok"
    reason: str | None = None
    seen: str = ""
    required: bool = True


def diagnosed(finding: Finding, seen: str = "") -> Diagnosis:
    """A finding of the readiness as the doctor tells it.

    What the room does not need is a warning at most: an exit code that one spare camera keeps at 1 is soon ignored.
    """
    state: Verdict = "ok"
    match finding.state:
        case "failed" if finding.required:
            state = "failed"
        case "failed" | "warning" | "unknown":
            state = "warning"
    return Diagnosis(finding.name, finding.kind, finding.group, state, finding.reason, seen, finding.required)


def in_order(found: Iterable[Diagnosis]) -> tuple[Diagnosis, ...]:
    """In the handbook's order; within a group as they came."""
    return tuple(sorted(found, key=lambda each: GROUPS.index(each.group)))


def worsened(found: Diagnosis, judged: Judged, seen: str = "") -> Diagnosis:
    """The same check with a second look's verdict, where that one is not ok."""
    state, reason = judged
    return found if state == "ok" else replace(found, state=state, reason=reason, seen=seen or found.seen)


def certificate(not_before: datetime, not_after: datetime, now: datetime) -> Judged:
    """A certificate's time; one that ends soon the worse the sooner, and with the whole days that are left behind the
    word: ``expires_within_week: 6``.
    """
    if now < not_before:
        return "failed", "not_yet_valid"
    if now >= not_after:
        return "failed", "expired"
    left = not_after - now
    grades = ((state, f"{word}: {left // timedelta(days=1)}") for within, state, word in ENDS_SOON if left <= within)
    return next(grades, ("ok", None))


def is_refused_for_its_time(judged: Judged) -> bool:
    """Whether a broker would refuse a certificate so judged: then nothing else about it matters."""
    return judged[1] in ("expired", "not_yet_valid")


def days_left(not_after: datetime, now: datetime) -> str:
    """``2027-03-01 (96 d)``: the day it ends and the whole days until then; negative: since then."""
    return f"{not_after:%Y-%m-%d} ({(not_after - now) // timedelta(days=1)} d)"


def line(is_there: bool, is_used: bool, owner: str, reserved: bool) -> Judged:
    """A GPIO line of the config: one that the agent itself holds is fine, whatever else the pin could be."""
    if not is_there:
        return "failed", "no_such_pin"
    if is_used and owner == OURS:
        return "ok", None
    if reserved:
        return "failed", "reserved"
    return ("failed", "taken") if is_used else ("ok", None)


def service(load: str, active: str, enabled: str) -> Judged:
    """A unit by systemd's ``LoadState``, ``ActiveState`` and ``UnitFileState``.

    A box whose agent does not run has no button, so that is a failure; one where it is not even installed is somebody's
    workbench.
    """
    if load == "not-found":
        return "warning", "not_installed"
    if load == "masked" or enabled == "masked":
        return "failed", "masked"
    if load != "loaded":
        return "failed", "unit_broken"
    if active == "failed":
        return "failed", "crashed"
    if active not in ("active", "reloading"):
        # A unit between two starts of a program that ends at once is "activating" (auto-restart).
        return "failed", "starts_over" if active == "activating" else "not_running"
    return ("ok", None) if enabled in ("enabled", "enabled-runtime", "static") else ("warning", "not_enabled")


def missing_groups(is_root: bool, has: Iterable[str]) -> tuple[str, ...]:
    """The groups that the agent's user would need and is not in; root needs none."""
    return () if is_root else tuple(name for name in WANTED_GROUPS if name not in set(has))


def memory_of_room(may_write: bool | None, is_there: bool, is_made_by_systemd: bool, is_folder: bool = True) -> Judged:
    """The state folder. ``may_write`` None: this user cannot tell for the agent's.

    One that is not there is told even where it would be made (``StateDirectory=`` of the unit): on a box that has run
    before, what it remembered is gone, or ``--state`` is wrong.
    """
    if is_there and not is_folder:
        return "failed", "not_a_folder"
    if not is_there and is_made_by_systemd:
        return "warning", "no_state"
    if may_write is None:
        return "warning", "run_as_root"
    if is_there:
        return ("ok", None) if may_write else ("failed", "not_writable")
    return ("warning", "no_state") if may_write else ("failed", "not_makeable")


def boot_levels(config_txt: str, power: PowerSection) -> tuple[Judged, str]:
    """The pins before Linux runs against the room's wiring, and those that differ: ``GPIO5 dl,op ≠ dh,op``.

    A load that is driven to its other level is energised a few seconds after power on, before anybody has decided so.
    """
    loads = ((load.pin, load.active_high) for load in power.loads)
    stands, wanted = levels(config_txt), levels("\n".join(boot_lines(loads, power.button.pin)))
    differing = {pin: words for pin, words in sorted(wanted.items()) if not words <= stands.get(pin, frozenset())}
    if not differing:
        return ("ok", None), ""
    is_driven = any("op" in stands.get(pin, ()) for pin in differing)
    seen = (f"GPIO{pin} {_words(stands.get(pin, ()))} ≠ {_words(words)}" for pin, words in differing.items())
    return ("warning", "levels_wrong" if is_driven else "levels_missing"), "; ".join(seen)


def _words(words: Iterable[str]) -> str:
    return ",".join(sorted(words)) or "—"


def watchdog(is_there: bool, timeout_s: float | None, is_fed: bool | None) -> Judged:
    """The hardware's watchdog, as systemd has it. ``timeout_s`` 0: not asked for; None: nobody can tell, as ``is_fed``.

    Without one a box whose kernel hangs waits for a person.
    """
    if not is_there:
        return "warning", "no_watchdog"
    if timeout_s is None:
        return "warning", "not_examined"
    if not timeout_s or is_fed is False:
        return "warning", "watchdog_off"
    return ("warning", "watchdog_long") if timeout_s > WATCHDOG_MAX_S else ("ok", None)


@dataclass(frozen=True, slots=True)
class Report:
    """One examination. ``site`` is None without a usable identity; ``user`` is whom the rights were checked for."""

    site: str | None
    user: str
    checks: tuple[Diagnosis, ...]

    def count(self, state: Verdict) -> int:
        """How many checks are so."""
        return sum(each.state == state for each in self.checks)
