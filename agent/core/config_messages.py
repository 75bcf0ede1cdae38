"""What is said about a room's config, both directions. Part of the contract; its names come from ``contract.py``.

::

    config/desired    to the site, retained    what a technician wants
    config/confirm    to the site              the room is still fine: keep it
    config/reported   from the site, retained  what became of it
    config/running    from the site, retained  what runs, whole: technicians start from it
"""

from typing import Annotated, Literal

from pydantic import Field

from agent.core.wire import Document, FromSite, Moment, Payload

REVISION_MAX = 2**53 - 1  # what every JSON reader holds exactly
Revision = Annotated[int, Field(ge=-REVISION_MAX, le=REVISION_MAX)]
CONFIRM_WITHIN_S, CONFIRM_MOST_S = 120.0, 86_400.0
ID = r"^[!-~]+$"  # goes back to the centre, into the log and onto the disk

UpdateState = Literal["applying", "pending_confirm", "applied", "rejected", "rolled_back", "deferred"]
Source = Literal["push", "local", "file", "built_in"]


class ConfigDesired(Payload):
    """Topic ``config/desired``. ``config`` is the whole room config, every key that is not there at its default.

    ``base_revision`` is what the sender saw running (0: a config that never had a revision). Within
    ``confirm_within_s`` somebody confirms, else the site goes back; 0: the site's own proof is enough.
    """

    id: str = Field(min_length=1, max_length=64, pattern=ID)
    revision: int = Field(ge=1, le=REVISION_MAX)
    base_revision: int | None = Field(default=None, ge=0, le=REVISION_MAX)
    issued_by: str = Field(max_length=200)
    issued_at: Moment
    confirm_within_s: float = Field(default=CONFIRM_WITHIN_S, ge=0, le=CONFIRM_MOST_S)
    config: Document


class ConfigConfirm(Payload):
    """Topic ``config/confirm``: the update with this id is to stay."""

    id: str = Field(min_length=1, max_length=64, pattern=ID)


class ConfigProblem(Payload):
    """One thing wrong in a document: where (``power.loads[0].pin``), what, and what was probably meant."""

    path: str
    message: str
    suggestion: str | None = None


class ConfigReported(FromSite):
    """Topic ``config/reported``. ``id``, ``revision``, ``digest`` are of the document that is spoken of (None: it has
    none); ``effective_digest`` is of what runs now, with its defaults. ``checks_worse``: required checks that are worse
    than before; None while that is not known yet.
    """

    id: str | None = Field(max_length=64)
    revision: Revision | None
    digest: str | None = Field(max_length=64)
    state: UpdateState
    reason: str | None = None
    errors: tuple[ConfigProblem, ...] = ()
    effective_digest: str = Field(max_length=64)
    checks_worse: tuple[str, ...] | None = None


class ConfigRunning(FromSite):
    """Topic ``config/running``: the config that runs, as written. ``source`` says how it came; ``revision`` None:
    it never had one. ``settled`` is the highest revision ever settled here: a new one has to be above it.
    """

    id: str | None = Field(default=None, max_length=64)
    revision: Revision | None
    digest: str = Field(max_length=64)
    effective_digest: str = Field(max_length=64)
    source: Source
    issued_by: str | None = None
    settled: Revision | None = None
    config: Document
