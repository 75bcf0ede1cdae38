"""``diemcau board``: the page of all sites, and its users."""

import signal
from typing import TYPE_CHECKING, Any

import click

from agent.console.board_user_commands import (
    complain,
    engine_of,
    file_of,
    how_to_add,
    of_centre,
    of_database,
    opened_with_users,
    user,
)
from agent.console.options import CENTRE, broker_of

if TYPE_CHECKING:
    from agent.console.board.place import Place
    from agent.core.identity import Centre


@click.group(invoke_without_command=True)
@click.option("--listen", default=None, metavar="HOST:PORT", help="Where.  [default: the file's, else 127.0.0.1:8080]")
@click.option("--broker", default=None, metavar="URL", help="Address of the broker; plain for this machine only.")
@of_centre
@of_database
@click.option("--certificate", default=None, metavar="FILE", help="PEM: serve by TLS.")
@click.option("--key", default=None, metavar="FILE", help="The certificate's key.")
@click.option("--behind-proxy", is_flag=True, default=None, help="A proxy on this machine takes TLS off.")
@click.option("--name", "names", multiple=True, metavar="HOST", help="What browsers call this board; repeat it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line with the address.")
@click.pass_context
def board(
    context: click.Context, /, as_json: bool, broker: str | None, centre: str, database: str | None, **place: Any
) -> int | None:
    """Bảng điều khiển / a web page of all sites, with history and reports, until SIGTERM."""
    if context.invoked_subcommand is not None:
        return None
    return _serve(file_of(broker, centre), broker, centre, database, place, as_json)


def _serve(
    file: "Centre | None", broker: str | None, centre: str, database: str | None, given: dict[str, Any], as_json: bool
) -> int:
    from agent.console.journal import set_up_logging
    from agent.core.contract import compact

    set_up_logging()
    place, address = _place(file, given), broker_of(broker, centre)
    store = opened_with_users(database, file)
    try:
        from agent.console.board.live import Live
        from agent.console.board.serve import Board

        running = Board(Live(address, engine_of(store)), engine_of(store), place)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: running.end())
        with running:
            users = running.access.users.count()
            click.echo(
                compact({"url": running.url, "users": users}) if as_json else f"bảng điều khiển / board: {running.url}"
            )
            if not users:
                how = how_to_add(database, CENTRE if file is None else centre)
                complain(f"chưa có người dùng / nobody can sign in yet: {how}")
            running.wait()
    finally:
        store.close()
    return 0


def _place(file: "Centre | None", given: dict[str, Any]) -> "Place":
    """What the command says goes before what the file says. Raises click.UsageError."""
    from agent.console.board.place import BoardError, Place, parse_listen
    from agent.core.identity import BoardSection

    section = file.board if file is not None else BoardSection()
    try:
        host, port = parse_listen(given["listen"] or section.listen)
        is_given = given["certificate"] or given["key"]
        place = Place(
            host,
            port,
            given["certificate"] or "" if is_given else section.certificate,
            given["key"] or "" if is_given else section.key,
            bool(given["behind_proxy"]) or section.behind_proxy,
            tuple(given["names"]) or tuple(section.names),
        )
        place.check()
    except BoardError as error:
        raise click.UsageError(f"{error.vietnamese} / {error}.") from error
    return place


board.add_command(user)
