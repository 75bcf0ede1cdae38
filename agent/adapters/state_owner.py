"""Whose a database is: a box that is given to another site keeps what the first has not sent, and tells none of it.

The outbox, the revisions that are settled and the commands that are done belong to a site, not to a card. So the first
site of a state folder has ``agent.db``, and every other one a file with its name. None is ever moved: there is nothing
that a power cut could leave half done. The file ``site`` has two lines: the first site, and the last.
"""

import logging
from pathlib import Path

from agent.adapters.files import write_durably
from agent.core.errors import quoted

log = logging.getLogger("diemcau")

FILE = "site"
DATABASE = "agent.db"


def take(state: Path, site: str) -> Path:
    """The database of this site, in whose name the agent runs from now on. Needs the folder's lock.

    A disk that cannot be written is told, and nothing else: then nothing can be stored there either.
    """
    first, last = _said(state)
    if last not in ("", site):
        log.warning("this box was %s before: what that site has stored stays as it is, unsent", quoted(last))
    if (first, last) != (first or site, site):
        try:
            write_durably(state / FILE, f"{first or site}\n{site}\n")
        except OSError as error:
            log.error("whose the state folder is cannot be written down: %s", error)
    return _path(state, first or site, site)


def last_taken(state: Path) -> Path:
    """The database of the site in whose name the agent ran last; for whoever only reads it."""
    first, last = _said(state)
    return _path(state, first, last)


def _path(state: Path, first: str, site: str) -> Path:
    return state / (DATABASE if site == first else f"{DATABASE}.of-{site}")


def _said(state: Path) -> tuple[str, str]:
    try:
        first, last = (state / FILE).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return "", ""
    return first, last
