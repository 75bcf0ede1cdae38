"""A plan of steps: each knows whether it is done, does itself, and takes itself back.

Twice is the same as once, because what is done is passed over; a failure leaves the machine as it was, because what
this run has done is taken back, the last first.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

Say = Callable[[str], None]


class InstallError(Exception):
    """The machine cannot be set up; the text is one sentence for people that says what to do."""


class Step(Protocol):
    """One thing that an installed machine has. Thread: the main one."""

    @property
    def title(self) -> str:
        """A few words for people, Vietnamese first: ``người dùng hệ thống / system user``."""

    def is_done(self) -> bool:
        """Whether the machine has it already, just as this run would make it. Changes nothing."""

    def lines(self) -> Sequence[str]:
        """What ``do`` would do, as a dry run prints it: commands that one could type. Changes nothing."""

    def do(self) -> None:
        """Make it so.

        Raises:
            InstallError: It cannot be.
        """

    def undo(self) -> None:
        """Back to how it was before ``do``, also where that stopped halfway."""


def carry_out(steps: Sequence[Step], say: Say) -> int:
    """Do what is not done yet; how many steps that were.

    Raises:
        InstallError: A step failed, and everything that this run had done was taken back. So for every other exception,
            which is raised on: a Ctrl-C, too, leaves the machine as it was.
    """
    begun: list[Step] = []
    try:
        for step in steps:
            if step.is_done():
                continue
            say(step.title)
            begun.append(step)
            step.do()
    except BaseException:
        _take_back(begun, say)
        raise
    return len(begun)


def rehearse(steps: Sequence[Step], say: Say) -> None:
    """A dry run: say what would be done, and change nothing."""
    for step in steps:
        if not step.is_done():
            say(f"# {step.title}")
            for line in step.lines():
                say(f"+ {line}")


def _take_back(begun: list[Step], say: Say) -> None:
    """The last first. One that cannot be taken back is named, and the others are taken back all the same."""
    if begun:
        say("Đang hoàn tác / taking it back")
    for step in reversed(begun):
        try:
            step.undo()
        except Exception as error:  # also a mistake of ours
            say(f"không hoàn tác được / could not be taken back: {step.title}: {error}")
