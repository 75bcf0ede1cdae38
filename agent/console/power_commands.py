"""``diemcau power`` and ``diemcau identify``: switch a site's room, or find its box, from a desk."""

import click

from agent.console.ask import Answer
from agent.console.options import FiniteRange, broker_of
from agent.console.site_commands import ask_site, complain, for_one_site, show_answer
from agent.console.sites import plain
from agent.console.words import COMMAND_REASON, POWER, both
from agent.core.contract import IDENTIFY_MAX_S, NoArgs, Power

OF_EACH_LOAD = {"on": ("bật", "on"), "off": ("tắt", "off")}


@click.command()
@for_one_site
@click.argument("state", type=click.Choice(["on", "off"]))
@click.option("--load", default=None, metavar="NAME", help="Only this load of the room, by itself.")
def power(
    site: str,
    broker: str | None,
    centre: str,
    by: str | None,
    within_s: int,
    as_json: bool,
    state: str,
    load: str | None,
) -> int:
    """Bật hoặc tắt cả phòng / switch a site's room on or off, load by load, and wait until it is.

    It is refused while a conference is live. Ctrl-C ends the waiting, not the room.
    """
    on = state == "on"
    address, action = broker_of(broker, centre), "power" if load is None else "load"
    args = {"on": on} if load is None else {"name": load, "on": on}
    said: list[str] = []

    def on_step(now: Power) -> None:
        sentence = f"{site}: {_progress(now)}"
        if not as_json and sentence not in said[-1:]:
            said.append(sentence)
            complain(sentence)

    answer = ask_site(address, site, action, args, by, within_s, on_step)
    return show_answer(answer, site, action, as_json, NoArgs, lambda _, answer: _switched(answer, state, load))


@click.command()
@for_one_site
@click.option("--for", "for_s", default=30.0, show_default=True, type=FiniteRange(1, IDENTIFY_MAX_S), metavar="S")
def identify(
    site: str, broker: str | None, centre: str, by: str | None, within_s: int, as_json: bool, for_s: float
) -> int:
    """Nháy đèn để tìm hộp / make the lamp of a site's box flicker, so that somebody in the room finds it."""
    answer = ask_site(broker_of(broker, centre), site, "identify", {"for_s": for_s}, by, within_s)
    return show_answer(answer, site, "identify", as_json, NoArgs, lambda _, answer: _flickers(answer, for_s))


def _progress(now: Power) -> str:
    step = f" {plain(now.step)}" if now.step else ""
    word, _, detail = (now.reason or "").partition(": ")
    reason = f": {both(COMMAND_REASON, plain(word))}" if word else ""
    return both(POWER, now.state) + step + reason + (f" ({plain(detail)})" if detail else "")


def _switched(answer: Answer, state: str, load: str | None) -> str:
    what = "phòng / room" if load is None else plain(load)
    return f"{answer.name}: {what}: {both(OF_EACH_LOAD, state)}"


def _flickers(answer: Answer, for_s: float) -> str:
    return f"{answer.name}: đèn nháy / the lamp flickers: {for_s:.0f} s"
