"""Whose a state folder is: a box that is given to another site keeps what the first has not sent, and tells none of it.

The outbox, the revisions that are settled and the commands that are done belong to a site, not to a card. So at a start
under another name the database is put away under the old one, and comes back when the box does. The file ``site`` says
whose the database is, or how far a change has come: power may go between any two renames.
"""

import logging
from pathlib import Path

from agent.adapters.files import write_durably
from agent.core.errors import quoted

log = logging.getLogger("diemcau")

FILE = "site"
DATABASE = "agent.db"
PARTS = ("-wal", "-shm", "")  # the database itself last: without it the others are put away again
LEAVING, ENTERING = "leaving ", "entering "


def belong_to(state: Path, site: str) -> None:
    """Have the state folder be this site's. To be called before the database is opened, with the folder's lock.

    Where the disk cannot be written nothing is changed, and the log says so: then nothing can be stored there either.
    """
    try:
        _change(state, _said(state), site)
    except OSError as error:
        log.error("the state folder cannot be made this site's: %s", error)


def _change(state: Path, said: str, site: str) -> None:
    if said.startswith(ENTERING):  # cut off on the way
        said = _enter(state, said.removeprefix(ENTERING))
    if said == site:
        return
    if said:
        owner = said.removeprefix(LEAVING)
        _say(state, LEAVING + owner)
        log.warning("this box was %s's: what it has stored is put away as %s", quoted(owner), _away(state, owner).name)
        for part in PARTS:
            _move(state / (DATABASE + part), Path(f"{_away(state, owner)}{part}"))
        _say(state, ENTERING + site)
    _enter(state, site)


def _enter(state: Path, site: str) -> str:
    for part in PARTS:
        _move(Path(f"{_away(state, site)}{part}"), state / (DATABASE + part))
    _say(state, site)
    return site


def _away(state: Path, site: str) -> Path:
    return state / f"{DATABASE}.of-{site}"


def _move(old: Path, new: Path) -> None:
    if old.exists():
        old.replace(new)


def _said(state: Path) -> str:
    try:
        return (state / FILE).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def _say(state: Path, words: str) -> None:
    write_durably(state / FILE, words + "\n")
