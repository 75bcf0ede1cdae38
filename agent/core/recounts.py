"""What people counted beside what the machine said: the record that shows how far the headcount can be believed."""

from datetime import timedelta

from agent.core.contract import Human, Record
from agent.core.events import Recount

COMPARED = 20  # the record is over so many recounts: a camera that was moved a year ago says nothing about today
KEPT = 200
# Who corrects a typo does so at once. Within it the machine's window is the same, so two counts would be no two proofs.
UNDO_WITHIN = timedelta(seconds=60)


def error(people: int, value: int | None) -> float | None:
    """How far the machine was off, as a share of what the person counted; None where the machine did not know.

    Where nobody is there the share is taken of one person: 0 seen is 0, each face that is none is 1.
    """
    return None if value is None else round(abs(value - people) / max(people, 1), 4)


def replaced_by(recounts: tuple[Recount, ...], new: Recount) -> Recount | None:
    """The recount that ``new`` takes back: the last one, when it is by the same person and less than a minute old."""
    last = recounts[-1] if recounts else None
    is_correction = last is not None and last.by == new.by and timedelta() <= new.at - last.at <= UNDO_WITHIN
    return last if is_correction else None


def add(recounts: tuple[Recount, ...], new: Recount) -> tuple[Recount, ...]:
    """All of them with the new one, in place of the one that it takes back."""
    before = recounts[:-1] if replaced_by(recounts, new) else recounts
    return (*before, new)[-KEPT:]


def human(recounts: tuple[Recount, ...]) -> Human | None:
    """The last one, for the topic ``headcount``; None where nobody ever counted."""
    if not recounts:
        return None
    last = recounts[-1]
    return Human(people=last.people, at=last.at, by=last.by, value=last.value)


def record(recounts: tuple[Recount, ...]) -> Record:
    """The machine's record over the last recounts at which it had a number."""
    errors = [off for each in recounts if (off := error(each.people, each.value)) is not None][-COMPARED:]
    if not errors:
        return Record(recounts=0, mean_error=None, worst_error=None)
    return Record(recounts=len(errors), mean_error=round(sum(errors) / len(errors), 4), worst_error=max(errors))
