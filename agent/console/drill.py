"""``diemcau drill``: every site answers now; a go / no-go list, and an exit code that says whether all are go."""

import queue
import time
import uuid
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.console import roll_call
from agent.console.listener import TOPICS, Listener
from agent.console.options import CENTRE, broker_of
from agent.console.roll_call import RollCall, Row
from agent.console.site_commands import complain, who_asks
from agent.console.words import PRESENCE, VERDICT, both
from agent.core.contract import ROOT, CommandMessage, compact
from agent.core.identity import BrokerSection

WITHIN_S = 10
# What the broker retains comes at once after the subscription; the first pause is its end.
KNOWN_LEAST_S, KNOWN_PAUSE_S, KNOWN_WITHIN_S = 1.5, 0.5, 5.0
STYLE = {"go": "green", "no-go": "bold red", "unknown": "yellow"}


@click.command()
@click.option("--within", "within_s", default=WITHIN_S, show_default=True, type=click.IntRange(1, 300), metavar="S",
              help="Seconds that a site has to answer.")  # fmt: skip
@click.option("--broker", default=None, metavar="URL", help="Address of the broker; plain for this machine only.")
@click.option("--centre", default=CENTRE, show_default=True, help="File with broker, ca, certificate and key.")
@click.option("--by", default=None, metavar="NAME", help="Who asks, for the record.  [default: user@host]")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def drill(within_s: int, broker: str | None, centre: str, by: str | None, as_json: bool) -> int:
    """Điểm danh thử / ask every site whether it is fit for the conference; exit code 0 when all are."""
    call = hold(broker_of(broker, centre), within_s, who_asks(by))
    rows = roll_call.rows(call)
    all_go = bool(rows) and all(row.verdict == "go" for row in rows)
    if as_json:
        verdict = "go" if all_go else "no-go"
        click.echo(compact({"verdict": verdict, "sites": [roll_call.document(row) for row in rows]}))
    elif rows:
        Console().print(table(rows))
    if not rows:
        complain("chưa có điểm cầu nào / no site has ever been here: check the broker's address")
    return 0 if all_go else 1


def hold(broker: BrokerSection, within_s: int, by: str) -> RollCall:
    """Ask, and wait until all have answered or the time is over.

    Raises:
        LinkError: The broker is not there, or refuses us.
    """
    listener = Listener(broker, (*TOPICS, f"{ROOT}/+/command/result"))
    listener.start()
    try:
        call = _hear(RollCall(), listener, KNOWN_WITHIN_S, pause_s=KNOWN_PAUSE_S)
        id_ = str(uuid.uuid4())
        command = CommandMessage(id=id_, action="report", args={}, issued_by=by, issued_at=datetime.now(UTC))
        listener.publish_to_all(command, expiry_s=within_s)
        return _hear(roll_call.asked(call, id_, time.monotonic()), listener, within_s)
    finally:
        listener.close()


def _hear(call: RollCall, listener: Listener, for_s: float, pause_s: float | None = None) -> RollCall:
    """Take messages in for so long; with ``pause_s`` until nothing came for that time, else until all have answered."""
    until_s = time.monotonic() + for_s
    while (left_s := until_s - time.monotonic()) > 0 and (pause_s is not None or not call.is_complete):
        try:
            topic, raw = listener.messages.get(timeout=min(left_s, pause_s or left_s))
        except queue.Empty:
            if pause_s is not None and for_s - left_s < KNOWN_LEAST_S:
                continue  # a broker that is slow to answer the subscription
            break
        call = roll_call.heard(call, topic, raw, time.monotonic())
    return call


def table(rows: list[Row]) -> Table:
    """The list for people, the worst first."""
    made = Table(caption=_total(rows))
    made.add_column("Điểm cầu\nSite", overflow="fold", min_width=12, max_width=30)
    made.add_column("Sẵn sàng\nReady")
    made.add_column("Trả lời\nAnswered", justify="right")
    made.add_column("Việc cần làm\nWhat to do", overflow="fold")
    for row in rows:
        verdict = Text(both(VERDICT, row.verdict), style=STYLE[row.verdict])
        answered = "—" if row.answered_s is None else f"{row.answered_s:.1f} s"
        made.add_row(Text(row.name), verdict, answered, Text(_what(row)))
    return made


def _what(row: Row) -> str:
    if row.answered_s is None:
        return f"không trả lời / no answer ({both(PRESENCE, row.presence)})"
    return "\n".join(roll_call.sentence(check) for check in row.why)


def _total(rows: list[Row]) -> str:
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in ("go", "no-go", "unknown")}
    return " · ".join(f"{both(VERDICT, verdict)}: {count}" for verdict, count in counts.items())
