"""The report's numbers, recomputed second by second from the rows that were sent, over random conferences.

What is here shares nothing with the report but its rule in words.
"""

from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from agent.console.recorder_conferences import Presence, Summons
from agent.console.store import Row, Store
from tests.console.report.bed import STARTS_S, event, made, presence, site_of, summons, window

REASONS = ("dark", "busy", "settling")


@dataclass(frozen=True)
class Sent:
    """Seconds from the start; ``unknown`` where there is no value: all of it."""

    from_s: int
    to_s: int
    value: int | None
    unknown: dict[str, float]

    @property
    def length_s(self) -> int:
        return self.to_s - self.from_s


@dataclass
class Site:
    summons: Summons
    sent: list[Sent]
    states: list[tuple[int, str]]
    power: list[tuple[int, str]]

    @property
    def lasts_s(self) -> int:
        return round(self.summons.ends_at_s - self.summons.starts_at_s)


def random_site(chance: Random, number: int) -> Site:
    starts = chance.choice((0, 0, 0, 300, -120))
    lasts = chance.choice((600, 1800, 3600))
    told = summons(
        f"xa-{number}",
        chance.choice((None, 0, 5, 20, 40)),
        starts_at_s=STARTS_S + starts,
        ends_at_s=STARTS_S + starts + lasts,
        roll_calls=(STARTS_S + starts + 240.0, STARTS_S + starts + lasts // 2 + 7.0),
    )
    sent, at = list[Sent](), starts - chance.randint(0, 900)
    gaps = chance.choice((0.01, 0.05, 0.2))
    sends_until = starts + lasts + 200 if chance.random() < 0.8 else starts + lasts // 2
    while at < sends_until:
        length = chance.choice((10, 60, 60, 60, 97))
        if chance.random() < 0.95:
            sent.append(_random_window(chance, at, at + length))
        at += length if chance.random() < 0.8 else length - chance.randint(1, 9)  # two that overlap
        at += chance.choice((30, 400)) if chance.random() < gaps else 0
    states = [(starts - 5000, "running"), *_random_states(chance, starts, lasts, ("lost", "running", "stopped"))]
    power = [(starts - 90_000, "on"), *_random_states(chance, starts, lasts, ("off", "starting", "on", "fault"))]
    return Site(told, sent if chance.random() < 0.9 else [], states, power)


def _random_window(chance: Random, from_s: int, to_s: int) -> Sent:
    length = to_s - from_s
    if chance.random() < 0.1:
        return Sent(from_s, to_s, None, {chance.choice(REASONS): float(length)})
    some = {each: chance.randint(1, length // 4) / 1.0 for each in REASONS if chance.random() < 0.2}
    return Sent(from_s, to_s, chance.randint(0, 45) if chance.random() < 0.3 else 18 + chance.randint(0, 3), some)


def _random_states(chance: Random, starts: int, lasts: int, states: tuple[str, ...]) -> list[tuple[int, str]]:
    times = sorted(chance.sample(range(starts - 600, starts + lasts + 600), chance.randint(0, 4)))
    return [(at, chance.choice(states)) for at in times]


def rows_of(site: Site, chance: Random) -> list[Row]:
    """What it sent: out of order, some twice, from two disks."""
    id_ = site.summons.site
    rows = [
        window(id_, STARTS_S + each.from_s, STARTS_S + each.to_s, each.value, each.unknown, chance.choice(("e1", "e2")))
        for each in site.sent
    ]
    rows += chance.sample(rows, len(rows) // 5)
    rows += [event(id_, at / 60, "power.changed", state=state) for at, state in site.power]
    chance.shuffle(rows)
    return rows


def presence_of(site: Site) -> list[Presence]:
    return [
        presence(site.summons.site, STARTS_S + at, state, number) for number, (at, state) in enumerate(site.states, 1)
    ]


def by_hand(site: Site) -> dict[str, Any]:
    """Go through the seconds of the conference one by one."""
    first = round(site.summons.starts_at_s - STARTS_S)
    weight, unknown, people_s = dict[int, float](), dict[str, float](), 0.0
    for second in range(first, first + site.lasts_s):
        one = _window_at(site, second)
        if one is None:
            reason = _why_no_row(site, second)
            unknown[reason] = unknown.get(reason, 0.0) + 1
            continue
        known = 1 - sum(one.unknown.values()) / one.length_s
        for reason, took_s in one.unknown.items():
            unknown[reason] = unknown.get(reason, 0.0) + took_s / one.length_s
        if one.value is not None:
            weight[one.value] = weight.get(one.value, 0.0) + known
            people_s += one.value * known
    known_s = sum(weight.values())
    is_known = known_s >= site.lasts_s / 2 - 1e-6
    enough = [value for value in weight if sum(w for v, w in weight.items() if v >= value) >= known_s / 2 - 1e-6]
    return {
        "present": max(enough) if is_known and enough else None,
        "known_s": known_s,
        "unknown": unknown,
        "mean": people_s / known_s if known_s else None,
        "begin": _first_after(site, first, first + site.lasts_s),
        "peak": max(weight, default=None),
        "roll_calls": [
            _first_after(site, round(at - STARTS_S), first + site.lasts_s) for at in site.summons.roll_calls
        ],
    }


def _window_at(site: Site, second: int) -> Sent | None:
    """Of those that hold this second the one that began first; then the shorter; then a known, low number."""
    holding = [each for each in site.sent if each.from_s <= second < each.to_s]
    return min(holding, key=lambda each: (each.from_s, each.to_s, each.value is None, each.value or 0), default=None)


def _why_no_row(site: Site, second: int) -> str:
    state, power = (_last(said, second) for said in (site.states, site.power))
    if state in ("lost", "stopped"):
        return f"site_{state}"
    return {"off": "room_off", "starting": "room_off", "fault": "power_fault"}.get(power or "", "no_rows")


def _last(said: list[tuple[int, str]], second: int) -> str | None:
    return next((state for at, state in reversed(said) if at <= second), None)


def _first_after(site: Site, second: int, end: int) -> int | None:
    """The count at a second, or the first that is known within five minutes."""
    for at in range(second, min(second + 301, end)):
        one = _window_at(site, at)
        if one is not None and one.value is not None:
            return one.value
    return None


def people(seen: dict[str, Any] | None) -> int | None:
    return None if seen is None else seen["people"]


@pytest.mark.parametrize("seed", range(4))
def test_every_number_is_that_of_the_rows(store: Store, seed: int) -> None:
    chance = Random(seed)
    sites = [random_site(chance, number) for number in range(12)]
    for site in sites:
        store.conferences.keep_summons([site.summons])
        store.conferences.keep_presence(presence_of(site))
        store.write(rows_of(site, chance))
    document = made(store)
    for site in sites:
        said, hand = site_of(document, site.summons.site), by_hand(site)
        assert said["present"] == hand["present"], site.summons.site
        assert said["known_s"] == pytest.approx(hand["known_s"], abs=0.06)
        assert said["unknown"] == pytest.approx({k: v for k, v in hand["unknown"].items() if v >= 0.05}, abs=0.06)
        assert said["known_s"] + said["unknown_s"] == pytest.approx(site.lasts_s, abs=0.11)
        assert said["mean"] == (None if hand["mean"] is None else pytest.approx(hand["mean"], abs=0.006))
        assert people(said["begin"]) == hand["begin"]
        assert people(said["peak"]) == hand["peak"]
        assert [people(call["seen"]) for call in said["roll_calls"]] == hand["roll_calls"]
    check_averages(document, [(site.summons.summoned, by_hand(site)["present"]) for site in sites])


def check_averages(document: dict[str, Any], sites: list[tuple[int | None, int | None]]) -> None:
    asked = [(summoned, present) for summoned, present in sites if summoned]
    known = [(summoned, present) for summoned, present in asked if present is not None]
    averages = document["averages"]
    assert (averages["sites"], averages["known"], averages["left_out"]) == (
        len(asked), len(known), len(asked) - len(known),
    )  # fmt: skip
    assert averages["without_number"] == len(sites) - len(asked)
    everybody = sum(summoned for summoned, _ in asked)
    for nobody_or_all, bound in ((0, "low"), (1, "high")):
        filled = [(s, s * nobody_or_all if present is None else present) for s, present in asked]
        rates, there = [present / s for s, present in filled], sum(present for _, present in filled)
        assert averages["mean_of_rates"][bound] == pytest.approx(sum(rates) / len(rates))
        assert averages["weighted"][bound] == pytest.approx(there / everybody)
    if known:
        rates = [present / summoned for summoned, present in known]
        assert averages["mean_of_rates"]["value"] == pytest.approx(sum(rates) / len(rates))
        assert averages["mean_of_rates"]["capped"] == pytest.approx(sum(min(1, each) for each in rates) / len(rates))
        assert averages["weighted"]["value"] == pytest.approx(
            sum(present for _, present in known) / sum(summoned for summoned, _ in known)
        )
        assert averages["over"] == sum(each > 1 for each in rates)
