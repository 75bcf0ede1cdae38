"""What the centre's config commands have in common: their targets, the document, and the look at the broker."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from agent.adapters.config_store import read_document as read_text
from agent.console.config_link import Desk
from agent.console.config_sites import SiteConfig
from agent.console.config_targets import chosen, no_such
from agent.console.options import CENTRE, broker_of
from agent.console.site_commands import complain
from agent.console.sites import SiteView
from agent.core.config_document import Document, read_document
from agent.core.errors import ConfigError, Problem
from agent.core.identity import BrokerSection
from agent.core.wire import MAX_PAYLOAD_BYTES

STDIN = "-"
NOBODY = "chưa có điểm cầu nào / no site has ever been here: check the broker's address, and that this user may read"
ANOTHER_VERSION = "phiên bản khác, cấu hình có thể có mục khác / another version: its configs may have other keys"

F = Callable[..., Any]


def for_sites(command: F) -> F:
    """The options that say which sites, and where the broker is."""
    options: tuple[Any, ...] = (
        click.option("--all", "all_", is_flag=True, help="Every site that the broker knows."),
        click.option("--group", default=None, metavar="G", help="Sites with G in their path, or A/B from its top."),
        click.option(
            "--broker", default=None, metavar="URL", help="Address of the broker; plain for this machine only."
        ),
        click.option("--centre", default=CENTRE, show_default=True, help="File with broker, ca, certificate and key."),
        click.option("--json", "as_json", is_flag=True, help="One JSON document a line."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def sites_and_file(what: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The last argument is the file, those before it are sites. Raises click.UsageError: there is none."""
    if not what:
        raise click.UsageError("which config? Name a file, TOML or JSON, or - for JSON from standard input.")
    return what[:-1], what[-1]


def document_of(file: str) -> Document:
    """A file's document, TOML or JSON by its ending; ``-``: JSON from standard input. Raises ConfigError."""
    if file != STDIN:
        path = Path(file)
        return read_document(read_text(path), file, json_document=path.suffix == ".json")
    # What is longer than any message is too long in any case; and a pipe may have no end.
    raw = sys.stdin.buffer.read(4 * MAX_PAYLOAD_BYTES)
    try:
        return read_document(raw.decode(), "standard input", json_document=True)
    except UnicodeDecodeError as error:
        raise ConfigError("standard input", (Problem("", "this is not UTF-8 text"),)) from error


@contextmanager
def looking(
    broker: str | None, centre: str, names: tuple[str, ...], all_: bool, group: str | None
) -> Iterator[tuple[Desk, tuple[SiteConfig, ...]]]:
    """The connection, and the sites that are meant with what is known of each; it is closed at the end. A site that
    the broker has nothing of is told.

    Raises:
        LinkError: The broker is not there, or refuses us.
        click.UsageError: Nobody is in the group.
    """
    desk = Desk(broker_of(broker, centre), names)
    desk.start()
    try:
        desk.learn()
        sites = chosen(desk.known, names, all_, group)
        if not sites:
            complain(NOBODY)
        found = tuple(desk.known.get(site, SiteConfig(SiteView(site))) for site in sites)
        if unheard_of := [each.site for each in found if each.is_unheard_of]:
            others = _others(broker_of(broker, centre))
            for site in unheard_of:
                complain(no_such(site, others))
        yield desk, found
    finally:
        desk.close()


def _others(broker: BrokerSection) -> list[str]:
    """All sites that have ever been here. One that was only pushed to is none: that may be the same slip."""
    desk = Desk(broker, names=("status", "about"))
    desk.start()
    try:
        desk.learn()
        return sorted(desk.known)
    finally:
        desk.close()
