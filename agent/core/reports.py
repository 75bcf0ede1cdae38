"""What the site says: the live payloads as views of the state, on change and at every heartbeat.

Nothing here remembers whether the broker was there: while it is away publications are dropped by the link, and at
``LinkUp`` all is said again, since a broker may have lost what it retained.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

from agent.core import advice, headcount, recounts
from agent.core.button import Finger
from agent.core.commands import Command, NoteEvent, Publish
from agent.core.config import RoomConfig
from agent.core.contract import (
    About,
    Check,
    Conference,
    FromSite,
    Headcount,
    Health,
    HistoryEvent,
    Power,
    Readiness,
    SetAside,
    Status,
    Work,
    body,
)
from agent.core.events import Now, Recount
from agent.core.eye_watch import EyeWatch
from agent.core.power import Power as PowerState
from agent.core.readiness import Readiness as ReadinessState
from agent.core.readiness import Watched

EXPIRY_BEATS = 3
# A count that is wrong may stand for five seconds, and what is late is not gone.
STALE_LEAST_S, STALE_FRAMES = 4.8, 2.4
JUST_AFTER_S = 0.01
NEVER_EXPIRE = {"status", "about", "config/reported", "config/running"}
# Not said at a heartbeat: the box's figures are said when they have been read, and a whole config is long.
NOT_AT_BEAT = {"health", "config/running"}
# Fields that make a headcount worth saying before the next heartbeat; the others ride along.
HEADCOUNT_NEWS = {"value", "state", "reason", "summoned", "rate", "conference", "detector"}
HEADCOUNT_NEWS |= {"human", "record", "set_aside"}


@dataclass(frozen=True, slots=True)
class Self:
    """What does not change while the agent runs, but for the config. ``session`` is a UUID per start, ``boot_id`` the
    kernel's; ``reserved_pins`` are those that something else on this box uses, and what.
    """

    site: str
    session: str
    boot_id: str
    version: str
    python: str
    config: RoomConfig
    hardware: str | None = None
    serial: str | None = None
    config_revision: int | None = None  # of a config that was pushed; a file has none
    stands_in: bool = False  # no loads are known, because the room's own config cannot be used
    reserved_pins: dict[int, str] = field(default_factory=dict)
    config_schema_digest: str | None = None


@dataclass(frozen=True, slots=True)
class Reports:
    """What was said last, by topic, and when the next heartbeat is due (monotonic seconds)."""

    said: dict[str, dict[str, Any]] = field(default_factory=dict)
    beat_s: float = 0.0


def due(
    reports: Reports, live: dict[str, FromSite], now_s: float, self: Self, all_again: bool
) -> tuple[Reports, list[Command]]:
    """What is to be said now: what changed, and everything at a heartbeat or when ``all_again``. Pure."""
    beat = now_s >= reports.beat_s
    heartbeat_s = self.config.reporting.heartbeat_s
    news = {name: _news(name, payload) for name, payload in live.items()}
    again = {name for name in live if (beat and name not in NOT_AT_BEAT) or (all_again and name != "health")}
    chosen = [name for name in live if name in again or news[name] != reports.said.get(name)]
    publications: list[Command] = [
        Publish(name, live[name], expiry_s=None if name in NEVER_EXPIRE else round(EXPIRY_BEATS * heartbeat_s))
        for name in chosen
    ]
    said = {**reports.said, **{name: news[name] for name in chosen}}
    return Reports(said, now_s + heartbeat_s if beat else reports.beat_s), publications


def _news(name: str, payload: FromSite) -> dict[str, Any]:
    fields = body(payload)
    if name == "headcount":
        return {key: value for key, value in fields.items() if key in HEADCOUNT_NEWS}
    if name == "readiness":
        # `since` is reckoned back from now, which a clock that is set moves; a loose plug's `changes` go up and up.
        return {"ready": fields["ready"], "checks": [each | {"since": None, "changes": 0} for each in fields["checks"]]}
    if name == "config/running":
        return {**fields, "config": None}  # its digest stands for it
    return {} if name == "health" else fields


def common(now: Now, self: Self) -> dict[str, Any]:
    """The fields that every message carries."""
    return {"at": now.utc, "session": self.session, "clock": "synced" if now.synced else "unsynced"}


def status(now: Now, self: Self, state: Literal["running", "stopped", "lost"], connection: int) -> Status:
    """Topic ``status``; with ``lost`` the will."""
    return Status(**common(now, self), state=state, connection=connection, boot_id=self.boot_id, version=self.version)


def about(now: Now, self: Self, eye: EyeWatch) -> About:
    """Topic ``about``."""
    site = self.config.site
    schema: dict[str, Any] = {}
    if self.config_schema_digest is not None:
        schema["config_schema_digest"] = self.config_schema_digest
    return About(
        **common(now, self),
        name=site.name or self.site,
        path=site.path,
        timezone=site.timezone,
        hardware=self.hardware,
        serial=self.serial,
        version=self.version,
        python=self.python,
        detector=eye.detector,
        model_sha256=eye.model_sha256,
        **schema,
    )


def power(now: Now, self: Self, state: PowerState, locked: bool) -> Power:
    """Topic ``power``. ``step`` and ``reason`` are there only while a load is at work or failed."""
    extra: dict[str, Any] = {}
    if (step := _step(self, state)) is not None:
        extra["step"] = step
    if state.by is not None:
        extra["by"] = state.by
    if state.who is not None:
        extra["who"] = state.who
    if state.reason is not None:
        extra["reason"] = state.reason
    return Power(**common(now, self), state=state.state, loads=state.loads, locked=locked, **extra)


def power_changed(self: Self, state: PowerState) -> NoteEvent:
    """The line of the history: where the power is now, by whom and why."""
    detail: dict[str, Any] = {"state": state.state, "loads": state.loads}
    extra = {"who": state.who, "step": _step(self, state), "reason": state.reason}
    detail |= {key: value for key, value in extra.items() if value is not None}
    return NoteEvent("power.changed", "fault" if state.state == "fault" else "info", state.by, detail)


def history_event(now: Now, self: Self, note: NoteEvent) -> HistoryEvent:
    """A row of ``history/event``; the disk that keeps it gives epoch and sequence."""
    return HistoryEvent(
        **common(now, self),
        boot_id=self.boot_id,
        uptime_s=round(now.mono_s, 3),
        historical=False,
        kind=note.kind,
        severity=note.severity,
        by=note.by,
        detail=note.detail,
    )


def _step(self: Self, state: PowerState) -> str | None:
    return None if state.step is None else self.config.power.loads[state.step].name


def headcount_payload(
    now: Now,
    self: Self,
    estimator: headcount.Estimator,
    eye: EyeWatch,
    conference: Conference | None,
    counted: tuple[Recount, ...] = (),
) -> Headcount:
    """Topic ``headcount``. ``summoned`` and ``rate`` are there only while a conference says how many are summoned."""
    interval_s = _interval_s(self.config, eye)
    # How many frames a window holds depends on how often the eye really looks.
    section = self.config.headcount.model_copy(update={"interval_s": interval_s})
    stale_s = stale_after_s(self.config, estimator.detect_s, interval_s)
    found = headcount.estimate(estimator, now.mono_s, section, stale_after_s=stale_s)
    newest_s = estimator.samples[-1].captured_s if estimator.samples else None
    extra: dict[str, Any] = {}
    if conference is not None and now.synced and now.utc >= conference.ends_at:
        conference = None  # it is over; that nobody cleared it is no reason to reckon on with its numbers
    if conference is not None:
        extra["conference"] = conference.id
    if conference is not None and conference.summoned is not None:
        extra["summoned"] = conference.summoned
        extra["rate"] = _rate(found.value, conference.summoned)
    set_aside = (
        SetAside(reason="portrait", count=found.portraits),
        SetAside(reason="excluded", count=found.excluded),
    )
    if any(each.count for each in set_aside):
        extra["set_aside"] = tuple(each for each in set_aside if each.count)
    if self.config_revision is not None:
        extra["config_revision"] = self.config_revision
    if (human := recounts.human(counted)) is not None:
        extra |= {"human": human, "record": recounts.record(counted)}
    extra |= _eye_at_work(eye)
    return Headcount(
        **common(now, self),
        value=found.value,
        state=found.state,
        reason=found.reason,
        seen=found.seen,
        min=found.min,
        max=found.max,
        samples=found.samples,
        window_s=section.window_s,
        frame_age_s=None if newest_s is None else round(max(0.0, now.mono_s - newest_s), 1),
        interval_s=interval_s,
        detector=eye.detector,
        **extra,
    )


def stale_after_s(config: RoomConfig, detect_s: float = 0.0, interval_s: float = 0.0) -> float:
    """A count without a new frame for this long is no longer one: two frames missed and more, and never under 4.8 s.

    A box that is slower than its interval rests between two looks, so that it keeps to its share of the processor;
    ``interval_s`` is what the eye says that it keeps, 0 where it has not said it.
    """
    section = config.headcount
    return max(STALE_LEAST_S, STALE_FRAMES * max(section.interval_s, detect_s / section.cpu_share, interval_s))


def stale_at_s(config: RoomConfig, estimator: headcount.Estimator, eye: EyeWatch, now_s: float) -> float | None:
    """The monotonic second at which the count will be none where no frame comes; None where it is none already."""
    if not estimator.samples:
        return None
    after_s = stale_after_s(config, estimator.detect_s, _interval_s(config, eye))
    at_s = estimator.samples[-1].captured_s + after_s + JUST_AFTER_S
    return at_s if at_s > now_s else None


def _interval_s(config: RoomConfig, eye: EyeWatch) -> float:
    """What the eye keeps now; before its first frame, and after its end, what it is asked to keep."""
    said_s = eye.last.interval_s if eye.last is not None and eye.running else None
    return said_s or config.headcount.interval_s


def _eye_at_work(eye: EyeWatch) -> dict[str, Any]:
    """The fields about the eye's work; none where it is not at work, or where it does not say."""
    last = eye.last if eye.running else None
    if last is None or last.cpu_share is None:
        return {}
    if not (last.work_width and last.work_height and last.tiles):
        return {"cpu_share": last.cpu_share}
    return {
        "cpu_share": last.cpu_share,
        "work": Work(width=last.work_width, height=last.work_height, tiles=last.tiles),
    }


def _rate(value: int | None, summoned: int) -> float | None:
    return round(value / summoned, 4) if value is not None and summoned > 0 else None


def health(
    now: Now, self: Self, figures: dict[str, Any], finger: Finger, restarts: dict[str, int] | None = None
) -> Health:
    """Topic ``health``. Presses are counted from the agent's start, ``ghost_presses`` those taken for nobody's."""
    pressed = {"button_presses": finger.presses, "ghost_presses": finger.ghosts}
    return Health(**{**common(now, self), **figures, **pressed, "restarts": restarts or {}})


def readiness(now: Now, self: Self, state: ReadinessState) -> Readiness:
    """Topic ``readiness``: every check, the config's first and in its order."""
    checks = tuple(_check(now, self, each) for each in state.watched.values())
    return Readiness(**common(now, self), ready=state.ready, checks=checks)


def _check(now: Now, self: Self, watched: Watched) -> Check:
    found = watched.finding
    said = None if watched.state == "ok" else advice.advice(found.kind, watched.reason, self.config.site.language)
    return Check(
        name=found.name,
        group=found.group,
        required=found.required,
        state=watched.state,
        reason=watched.reason,
        since=now.utc - timedelta(seconds=max(0.0, now.mono_s - watched.since_s)),
        changes=watched.changes,
        **({} if said is None else {"advice": said}),
    )


def device_moved(before: ReadinessState, after: ReadinessState, power: PowerState) -> list[NoteEvent]:
    """Lines of the history for devices that came or went: those that were there at least once.

    While the room goes down or is off a device may lose its power with it, and come back so: that is no news. One that
    comes and goes has a line when that begins and one when it has kept still, none in between.
    """
    notes = []
    for name, each in after.watched.items():
        was, detail = before.watched.get(name), {"check": name, "reason": each.reason}
        if was is not None and each.finding.kind.startswith("usb-") and power.state in ("on", "fault"):
            notes += _moved(was, each, detail)
        is_new = was is None or was.reason != each.reason
        if is_new and each.reason == "also_a_keyboard":
            notes.append(NoteEvent("device.suspicious", "warning", None, detail))
    return notes


def _moved(was: Watched, now: Watched, detail: dict[str, Any]) -> list[NoteEvent]:
    if was.is_flapping and now.is_flapping:
        return []
    # One that flapped may have gone for good while nothing was told.
    if now.state == "failed" and (was.state in ("ok", "warning") or was.is_flapping):
        return [NoteEvent("device.lost", "warning", None, detail)]
    if now.state in ("ok", "warning") and was.state == "failed":
        return [NoteEvent("device.found", "info", None, detail)]
    return []


def said_nothing(reports: Reports, name: str) -> Reports:
    """Forget what was said on a topic, so that it is said again."""
    return replace(reports, said={key: value for key, value in reports.said.items() if key != name})
