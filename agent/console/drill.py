"""``diemcau drill``: every site answers now; a go / no-go list, and an exit code that says whether all are go."""

import queue
import time
import uuid
from datetime import UTC, datetime

import click
from paho.mqtt.reasoncodes import ReasonCode
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.console import roll_call
from agent.console.listener import TOPICS, Listener
from agent.console.options import CENTRE, broker_of
from agent.console.roll_call import RollCall, Row
from agent.console.site_commands import complain, refusal, who_asks
from agent.console.what_to_do import TELEPHONE
from agent.console.words import PRESENCE, SILENCE, VERDICT, both
from agent.core.contract import ROOT, CommandMessage, compact
from agent.core.errors import LinkError
from agent.core.identity import BrokerSection

WITHIN_S = 10
# What the broker retains comes with its answer to the subscription; the first pause is its end. mosquitto sends twenty
# messages and waits for their acknowledgements (max_inflight_messages), so on a slow line a pause has to be longer than
# the way there and back.
KNOWN_PAUSE_S, KNOWN_WITHIN_S = 0.5, 15.0
RECEIPT_PAUSE_S, RECEIPT_WITHIN_S = 0.1, 15.0
ROUND_TRIPS = 2
STYLE = {"go": "green", "no-go": "bold red", "unknown": "yellow"}
# A killed agent: the will's delay of 15 s. A box without power or line: one and a half keepalives of 20 s more; both
# were measured (15.5 s, 50 s).
ASK_AGAIN = (
    "máy chủ vẫn thấy điểm cầu: chờ 20 giây (mất điện, đứt mạng: 1 phút) rồi hỏi lại / "
    "the broker still has this site: wait 20 s (after a power cut or a cut line: a minute) and ask again"
)
LOOK_THERE = " / ".join(TELEPHONE)
NOT_TOLD = "đã trả lời nhưng chưa báo tình trạng / answered, but did not say how it is"

Heard = tuple[str, bytes, bool]
Receipts = queue.SimpleQueue[ReasonCode]


class NotPermittedError(LinkError):
    """The broker lets us listen, and keeps our question from the sites."""


@click.command()
@click.option("--within", "within_s", default=WITHIN_S, show_default=True, type=click.IntRange(1, 300), metavar="S",
              help="Seconds that a site has to answer.")  # fmt: skip
@click.option("--broker", default=None, metavar="URL", help="Address of the broker; plain for this machine only.")
@click.option("--centre", default=CENTRE, show_default=True, help="File with broker, ca, certificate and key.")
@click.option("--by", default=None, metavar="NAME", help="Who asks, for the record.  [default: user@host]")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def drill(within_s: int, broker: str | None, centre: str, by: str | None, as_json: bool) -> int:
    """Điểm danh thử / ask every site whether it is fit for the conference; exit code 0 when all are."""
    try:
        call = hold(broker_of(broker, centre), within_s, who_asks(by))
    except LinkError as error:
        if as_json:  # a program has to tell this from sites that are not fit
            click.echo(compact({"verdict": "unknown", "reason": _word(error), "sites": []}))
        raise
    rows = roll_call.rows(call)
    all_go = bool(rows) and all(row.verdict == "go" for row in rows)
    if as_json:
        verdict = "go" if all_go else "no-go"
        reason = None if rows else "no_sites"
        click.echo(compact({"verdict": verdict, "reason": reason, "sites": [roll_call.document(row) for row in rows]}))
    elif rows:
        Console().print(table(rows))
    if not rows:
        complain(
            "chưa có điểm cầu nào / no site has ever been here: check the broker's address, and that this user may read"
        )
    return 0 if all_go else 1


def _word(error: LinkError) -> str:
    return "not_permitted" if isinstance(error, NotPermittedError) else "no_broker"


def hold(broker: BrokerSection, within_s: int, by: str) -> RollCall:
    """Ask, and wait until all have answered or the time is over.

    Raises:
        LinkError: The broker is not there, or refuses us or our question.
    """
    heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
    receipts: Receipts = queue.SimpleQueue()
    topics = (*TOPICS, f"{ROOT}/+/command/result")
    listener = Listener(broker, topics, lambda mid, code: receipts.put(code), lambda *message: heard.put(message))
    listener.start()
    try:
        call = _learn(RollCall(), heard, max(KNOWN_PAUSE_S, ROUND_TRIPS * listener.round_trip_s))
        id_ = str(uuid.uuid4())
        command = CommandMessage(id=id_, action="report", args={}, issued_by=by, issued_at=datetime.now(UTC))
        listener.publish_to_all(command, expiry_s=within_s)
        return _wait(roll_call.asked(call, id_, time.monotonic()), listener, heard, receipts, within_s)
    finally:
        listener.close()


def _learn(call: RollCall, heard: queue.SimpleQueue[Heard], pause_s: float) -> RollCall:
    """Who there is, from what the broker has stored, until none of that has come for ``pause_s``.

    What sites say meanwhile is no part of it: three hundred of them never leave a pause.
    """
    end_s = time.monotonic() + KNOWN_WITHIN_S
    until_s = time.monotonic() + pause_s
    while (left_s := min(until_s, end_s) - time.monotonic()) > 0:
        try:
            topic, raw, is_retained = heard.get(timeout=left_s)
        except queue.Empty:
            break
        call = roll_call.heard(call, topic, raw, time.monotonic(), is_retained)
        if is_retained:
            until_s = time.monotonic() + pause_s
    return call


def _wait(
    call: RollCall, listener: Listener, heard: queue.SimpleQueue[Heard], receipts: Receipts, for_s: float
) -> RollCall:
    """Take messages in until all have answered, ``for_s`` at most.

    Raises:
        LinkError: Nobody was asked, or nobody's answer could come: sites would be called silent that are not.
    """
    until_s = time.monotonic() + for_s
    is_asked = False
    while (left_s := until_s - time.monotonic()) > 0 and not (is_asked and call.is_complete):
        is_asked = _is_asked(receipts) or is_asked
        if listener.drops:
            break
        try:
            topic, raw, is_retained = heard.get(timeout=min(left_s, RECEIPT_PAUSE_S))
        except queue.Empty:
            continue
        call = roll_call.heard(call, topic, raw, time.monotonic(), is_retained)
    if not (is_asked or listener.drops):  # a line on which even the receipt takes longer than a site had
        is_asked = _is_asked(receipts, RECEIPT_WITHIN_S)
    if listener.drops or not is_asked:
        vietnamese, english = SILENCE["broker_lost"]
        raise LinkError(english, vietnamese)
    return call


def _is_asked(receipts: Receipts, wait_s: float = 0.0) -> bool:
    """Whether the broker has passed the question on. Raises NotPermittedError where it will not."""
    try:
        receipt = receipts.get(timeout=wait_s) if wait_s else receipts.get_nowait()
    except queue.Empty:
        return False
    if receipt.is_failure:
        vietnamese, english = SILENCE["not_permitted"]
        raise NotPermittedError(english, vietnamese)
    return True


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
        # What the other commands want is the id; two rooms may have one name.
        site = row.name if row.name == row.site else f"{row.name}\n{row.site}"
        made.add_row(Text(site), verdict, answered, Text(_what(row)))
    return made


def _what(row: Row) -> str:
    if row.answered_s is None:
        silent = f"không trả lời / no answer ({both(PRESENCE, row.presence)})"
        return f"{silent}\n{ASK_AGAIN if row.presence == 'running' else LOOK_THERE}"
    lines = [roll_call.sentence(check) for check in row.why]
    if row.refused is not None:
        lines.insert(0, refusal(row.refused))
    elif not row.has_told:
        lines.insert(0, NOT_TOLD)
    return "\n".join(lines)


def _total(rows: list[Row]) -> str:
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in ("go", "no-go", "unknown")}
    return " · ".join(f"{both(VERDICT, verdict)}: {count}" for verdict, count in counts.items())
