"""What can go wrong, as one small tree.

::

    AgentError                one sentence for people; str(error) is that sentence
    ├── ConfigError           a file that a person wrote is wrong; carries every problem at once
    │   └── SheetError            it is a table: a problem a line
    ├── RelayError            a relay's pin could not be driven: that load's real state is unknown
    │   └── NoLineError       its line is not to be had at all
    ├── LinkError             the broker cannot be used (refused, unreachable, wrong certificate)
    ├── RunningError          another agent runs with this state folder
    ├── StoreError            the centre's database cannot be used
    ├── EyeError              nothing can be counted: no model, no camera, no picture
    └── DemoError             the demo cannot be set up on this machine

Adapters raise these ``from`` the library's own error, so that no library's exception travels inward. Anything else that
flies is our bug: it falls with its traceback and systemd starts us again.
"""

from dataclasses import dataclass

PROBLEMS_SHOWN = 50  # of a table that has thousands of lines, perhaps all of them wrong


class AgentError(Exception):
    """Base of every error that is not a bug. ``str()`` is one sentence that says what to do."""


def quoted(text: str, most: int = 40) -> str:
    """What somebody wrote, for a sentence about it: letters of all languages as they are; what a terminal or a text
    that runs the other way would obey is spelled out.
    """
    shown = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text[:most])
    return f"'{shown}{'…' if len(text) > most else ''}'"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a document: where (``power.loads[0].pin``), what, and what was probably meant."""

    path: str
    message: str
    suggestion: str | None = None

    def __str__(self) -> str:
        hint = f" ({self.suggestion})" if self.suggestion else ""
        return f"{self.path}: {self.message}{hint}" if self.path else f"{self.message}{hint}"


class ConfigError(AgentError):
    """A config or identity document cannot be used. ``problems`` holds all of them, never only the first."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        self.source = source
        self.problems = problems
        super().__init__(f"{source}: " + "; ".join(map(str, problems)))


class SheetError(ConfigError):
    """A table that a person made is wrong: each problem on a line of its own, as it is in the table."""

    def __str__(self) -> str:
        lines = [str(each) for each in self.problems[:PROBLEMS_SHOWN]]
        more = len(self.problems) - len(lines)
        rest = [f"… và {more} lỗi khác / and {more} more"] if more else []
        return "\n  ".join([f"the table is not right: {self.source}", *lines, *rest])


class RelayError(AgentError):
    """A relay could not be driven or did not read back as driven. For the room: the load's state is unknown."""


class NoLineError(RelayError):
    """The relay's line is not to be had at all: nothing is held on it."""


class BilingualError(AgentError):
    """``vietnamese`` is the same sentence for the centre's staff, where somebody has written one."""

    def __init__(self, sentence: str, vietnamese: str = "") -> None:
        self.vietnamese = vietnamese
        super().__init__(sentence)


class LinkError(BilingualError):
    """The broker cannot be used. For the room: nothing, it works without."""


class StoreError(BilingualError):
    """The centre's database cannot be used."""


class RunningError(AgentError):
    """Another agent runs with this state folder, and has this room."""


class EyeError(AgentError):
    """Nothing can be counted. ``reason`` is the contract's word for it; the headcount is unknown with it."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class DemoError(AgentError):
    """The demo cannot be set up here, for example because there is no broker program."""
