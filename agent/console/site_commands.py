"""``diemcau recount`` and ``diemcau aim``: one command to one site, its outcome for people or as a JSON document."""

import getpass
import socket
from collections.abc import Callable
from typing import Any

import click
from pydantic import ValidationError

from agent.console.aim_map import LEGEND, drawn, listed
from agent.console.ask import EXPIRY_S, Answer, Asking, OnStep
from agent.console.options import CENTRE, SiteId, broker_of
from agent.console.sites import Presence, plain
from agent.console.words import COMMAND_REASON, PRESENCE, SILENCE, both
from agent.core.contract import PEOPLE_MAX, Aim, CommandResult, Payload, Recounted, compact
from agent.core.identity import BrokerSection

LOADS_NAMED = 30  # there are no more pins on a header

F = Callable[..., Any]


def for_one_site(command: F) -> F:
    """The argument and the options that every command to a site has."""
    options = (
        click.argument("site", type=SiteId()),
        click.option(
            "--broker", default=None, metavar="URL", help="Address of the broker; plain for this machine only."
        ),
        click.option("--centre", default=CENTRE, show_default=True, help="File with broker, ca, certificate and key."),
        click.option("--by", default=None, metavar="NAME", help="Who asks, for the record.  [default: user@host]"),
        click.option(
            "--within",
            "within_s",
            default=EXPIRY_S,
            show_default=True,
            type=click.IntRange(1, 300),
            metavar="S",
            help="Seconds to wait; then the command has expired.",
        ),
        click.option("--json", "as_json", is_flag=True, help="One JSON document."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@for_one_site
@click.option("--people", required=True, type=click.IntRange(0, PEOPLE_MAX), help="How many people are in the room.")
def recount(
    site: str, broker: str | None, centre: str, by: str | None, within_s: int, as_json: bool, people: int
) -> int:
    """Báo số người đếm bằng mắt / tell a site how many people you count in its room.

    A second count within a minute by the same person takes the first one back.
    """
    answer = ask_site(broker_of(broker, centre), site, "recount", {"people": people}, by, within_s)
    return show_answer(answer, site, "recount", as_json, Recounted, _recounted)


@click.command()
@for_one_site
def aim(site: str, broker: str | None, centre: str, by: str | None, within_s: int, as_json: bool) -> int:
    """Vị trí chỗ ngồi và vùng đếm / where a site sees people and zones: geometry, never a picture."""
    answer = ask_site(broker_of(broker, centre), site, "aim", {}, by, within_s)
    return show_answer(answer, site, "aim", as_json, Aim, _aimed)


def document(answer: Answer, site: str, action: str, result: Payload | None) -> dict[str, Any]:
    """The outcome for programs. ``state`` is ``no_answer`` where the site said nothing, with the reason."""
    said = answer.result
    return {
        "site": site,
        "action": action,
        "id": answer.id,
        "state": "no_answer" if said is None else said.state,
        "reason": answer.silence if said is None else said.reason,
        "presence": answer.presence,
        "result": None if result is None else result.model_dump(mode="json", exclude_unset=True),
    }


def why_not(answer: Answer, site: str) -> str:
    """Why a command was not done, Vietnamese first."""
    said = answer.result
    if said is not None:
        return f"{site}: {refusal(said)}" + (_loads(answer.loads) if said.reason == "unknown_load" else "")
    reason = both(SILENCE, answer.silence or "no_answer")
    return f"{site}: {reason}; trạng thái / status: {both(PRESENCE, answer.presence)}"


def refusal(said: CommandResult) -> str:
    """That a site refused or failed, and why: Vietnamese first."""
    verb = "từ chối / refused" if said.state == "refused" else "không làm được / failed"
    if not said.reason:
        return verb
    # A reason is a word and what belongs to it; after a fault the load's name stands before it.
    place, word, detail = _reason(plain(said.reason))
    detail = f" ({detail})" if detail else ""
    return f"{verb}: {place}{both(COMMAND_REASON, word)}{detail}"


def _loads(loads: tuple[str, ...] | None) -> str:
    """Which loads a room has, for who named one that it has not; nothing where the room has not told."""
    if loads is None:
        return ""
    if not loads:
        return "; phòng này không có thiết bị nào / this room has no loads"
    more = ", …" if len(loads) > LOADS_NAMED else ""
    return f"; thiết bị của phòng / the room's loads: {', '.join(map(plain, loads[:LOADS_NAMED]))}{more}"


def _reason(reason: str) -> tuple[str, str, str]:
    first, _, rest = reason.partition(": ")
    second, _, detail = rest.partition(": ")
    return (f"{first}: ", second, detail) if second in COMMAND_REASON else ("", first, rest)


def ask_site(
    broker: BrokerSection,
    site: str,
    action: str,
    args: dict[str, Any],
    by: str | None,
    within_s: int,
    on_step: OnStep | None = None,
) -> Answer:
    """Ask one site and wait. ``on_step``: what it does may take minutes; told of each step of its power meanwhile."""

    def on_away(presence: Presence) -> None:
        complain(f"{site}: {both(PRESENCE, presence)}; chờ tối đa / waiting up to {within_s} s")

    return Asking(broker, site, on_away, on_step).ask(action, args, who_asks(by), within_s)


def show_answer(
    answer: Answer, site: str, action: str, as_json: bool, model: type[Payload], words: Callable[[Any, Answer], str]
) -> int:
    """Print the outcome: ``words`` for people, a document for programs. Returns the exit code."""
    done = answer.result is not None and answer.result.state == "done"
    result, complaint = None, "" if done else why_not(answer, site)
    if done and answer.result is not None:
        try:
            result = model.model_validate_json(compact(answer.result.result))
        except ValidationError:
            complaint = f"{site}: câu trả lời không đọc được / the answer cannot be read: another version?"
    if as_json:
        click.echo(compact(document(answer, site, action, result)))
    elif result is not None:
        click.echo(words(result, answer))
    if complaint:
        complain(complaint)
    return 0 if result is not None else 1


def _recounted(done: Recounted, answer: Answer) -> str:
    machine = "chưa rõ / unknown" if done.value is None else str(done.value)
    error = "" if done.error is None else f" · sai / error: {done.error:.1%}"
    instead = "" if done.replaced is None else f" (thay cho / instead of {done.replaced})"
    return f"{answer.name}: người đếm / by hand: {done.people}{instead} · máy đếm / machine: {machine}{error}"


def _aimed(aim: Aim, answer: Answer) -> str:
    size = "chưa có hình / no frame seen" if aim.width is None else f"{aim.width} × {aim.height}"
    cut = "\nKhông đủ chỗ cho tất cả / not all of it fits." if aim.truncated else ""
    title = f"{answer.name}: {size}, chỗ ngồi / places: {len(aim.places)}"
    return f"{title}{cut}\n{drawn(aim)}\n{LEGEND}\n{listed(aim)}"


def who_asks(name: str | None) -> str:
    """Who a command is from, by its own word: the name that was given, or user@host."""
    return _claim(name or _who())


def _who() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a user without a name
        return f"?@{socket.gethostname()}"


def _claim(name: str) -> str:
    """A name that can be sent: what the terminal gave us need not be text."""
    return name.encode("utf-8", "replace").decode()[:200]


def complain(sentence: str) -> None:
    """One sentence to standard error."""
    click.echo(f"diemcau: {sentence}", err=True)
