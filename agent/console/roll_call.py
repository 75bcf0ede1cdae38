"""A drill as a fold of what comes: who was asked, who answered when, and what each says of its fitness. Pure.

A site is *go* when it answered in time and says that it is ready; *no-go* when it did not answer, is away, or says that
it is not; *unknown* where it cannot say (a required check is not known, or a version that does not tell), and where it
refused the question: it is there and was reached, but how it is it has not said.

What the broker had stored before we listened is what a site said at some time; it tells who there is, and is no answer
whenever it comes in.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from agent.console.sites import Sites, SiteView, plain, take
from agent.core.contract import Check, CommandResult, Readiness, decode, split_topic

Verdict = Literal["go", "no-go", "unknown"]
WORST_FIRST: tuple[Verdict, ...] = ("no-go", "unknown", "go")


@dataclass(frozen=True, slots=True)
class RollCall:
    """``asked`` is the command's id, None before it was sent; ``answered_s`` after how long each site answered, by
    site; ``told`` what each said of its fitness since then; ``refused`` the answers that were a no."""

    sites: Sites = field(default_factory=Sites)
    asked: str | None = None
    asked_s: float = 0.0
    answered_s: dict[str, float] = field(default_factory=dict)
    told: dict[str, Readiness] = field(default_factory=dict)
    refused: dict[str, CommandResult] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Every site that says it runs has answered, and has told how it is or that it will not."""
        running = [view.site for view in self.sites.ordered() if view.presence == "running"]
        return all(site in self.answered_s and (site in self.told or site in self.refused) for site in running)


@dataclass(frozen=True, slots=True)
class Row:
    """One site's part in the drill; ``why`` are the required checks that are not ok, then the others.

    ``refused`` is its answer where that was a no; ``has_told`` whether it said how it is.
    """

    site: str
    name: str
    verdict: Verdict
    presence: str
    answered_s: float | None
    why: tuple[Check, ...] = ()
    refused: CommandResult | None = None
    has_told: bool = False


def asked(call: RollCall, id_: str, now_s: float) -> RollCall:
    """The question is out: only what comes from now on is an answer."""
    return replace(call, asked=id_, asked_s=now_s)


def heard(call: RollCall, topic: str, raw: bytes, now_s: float, is_retained: bool = False) -> RollCall:
    """Take one message in. ``is_retained``: the broker had it stored before we listened, however late it came."""
    sites, news = take(call.sites, topic, raw)
    call = replace(call, sites=sites)
    if call.asked is None or is_retained:
        return call
    if news is not None and isinstance(news[1], Readiness):
        return replace(call, told={**call.told, news[0]: news[1]})
    parts = split_topic(topic)
    if parts is not None and parts[1] == "command/result":
        return _answered(call, parts[0], _final(raw, call.asked), now_s)
    return call


def _answered(call: RollCall, site: str, result: CommandResult | None, now_s: float) -> RollCall:
    if result is None or site in call.answered_s:
        return call
    # One that the broker has nothing stored of is in the list all the same: it is there, and may not be fit.
    sites = Sites({site: SiteView(site), **call.sites.by_id})
    call = replace(call, sites=sites, answered_s={**call.answered_s, site: now_s - call.asked_s})
    return call if result.state == "done" else replace(call, refused={**call.refused, site: result})


def _final(raw: bytes, id_: str) -> CommandResult | None:
    try:
        result = decode(CommandResult, raw)
    except ValueError:
        return None
    return result if result.id == id_ and result.state != "accepted" else None


def rows(call: RollCall) -> list[Row]:
    """All sites that ever said anything, the worst first: those that say nothing before those that are not fit."""
    every = [_row(call, view) for view in call.sites.ordered()]
    return sorted(every, key=lambda row: (WORST_FIRST.index(row.verdict), row.answered_s is not None, row.site))


def _row(call: RollCall, view: SiteView) -> Row:
    answered_s, told = call.answered_s.get(view.site), call.told.get(view.site)
    refused = call.refused.get(view.site)
    why = () if told is None else tuple(sorted(_odd(told), key=lambda check: not check.required))
    verdict = "unknown" if refused is not None else _verdict(answered_s, told)
    return Row(view.site, view.name, verdict, view.presence, answered_s, why, refused, told is not None)


def _odd(told: Readiness) -> list[Check]:
    return [check for check in told.checks if check.state != "ok"]


def _verdict(answered_s: float | None, told: Readiness | None) -> Verdict:
    if answered_s is None:
        return "no-go"
    if told is None or told.ready is None:
        return "unknown"
    return "go" if told.ready else "no-go"


def document(row: Row) -> dict[str, Any]:
    """A row for programs."""
    return {
        "site": row.site,
        "name": row.name,
        "verdict": row.verdict,
        "presence": row.presence,
        "answered_s": None if row.answered_s is None else round(row.answered_s, 3),
        "state": _state(row),
        "reason": _reason(row),
        "checks": [check.model_dump(mode="json", exclude_unset=True) for check in row.why],
    }


def _reason(row: Row) -> str | None:
    if row.refused is not None:
        return row.refused.reason
    return "no_answer" if row.answered_s is None else None


def _state(row: Row) -> str:
    """The same words as in the document of a command to one site."""
    if row.refused is not None:
        return row.refused.state
    return "no_answer" if row.answered_s is None else "done"


def sentence(check: Check) -> str:
    """A check that is not ok for a terminal: its name, what is wrong, and what to do."""
    reason = plain(check.reason or check.state)
    return f"{plain(check.name)}: {reason}" + (f" — {_cut(check.advice)}" if check.advice else "")


def _cut(text: str) -> str:
    """The site's own words: longer than a name, and cleaned like one."""
    return " ".join(plain(word) for word in text[:200].split())
