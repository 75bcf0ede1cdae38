"""Commands under way: each has one outcome, the site's final word or why there is none."""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from agent.console.ask import FINISH_WITHIN_S, NO_MATCHING_SUBSCRIBERS, ON_ITS_WAY_S, OnStep
from agent.console.board.courier import under_way
from agent.core.contract import CommandResult, Power, decode

log = logging.getLogger("diemcau.board")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command: the final result, or None and the word why there is none (``words.SILENCE``)."""

    result: CommandResult | None
    silence: str | None = None


@dataclass(slots=True)
class Question:
    """One command to one site. ``until_s`` is monotonic; ``on_step`` is told of each step of the site's power once it
    has accepted, and then it may take long.
    """

    site: str
    until_s: float
    on_step: OnStep | None = None
    is_accepted: bool = False
    outcome: "Future[Outcome]" = field(default_factory=lambda: under_way(Future()))


class Asked:
    """Thread: one."""

    def __init__(self) -> None:
        self._open: dict[str, Question] = {}

    def begin(self, id_: str, question: Question, receipt: "Future[int]") -> None:
        """The command with this id is on its way; ``receipt`` becomes the broker's answer."""
        question.until_s += ON_ITS_WAY_S
        self._open[id_] = question
        receipt.add_done_callback(lambda told: self._received(id_, told))

    def heard(self, site: str, raw: bytes, now_s: float) -> None:
        """A site has answered somebody, on ``command/result``."""
        try:
            result = decode(CommandResult, raw)
        except ValueError:
            return  # whoever asked hears that there was no answer
        question = self._open.get(result.id)
        if question is None or question.site != site:
            return
        if result.state != "accepted":
            self._end(result.id, Outcome(result))
        elif question.on_step is not None and not question.is_accepted:
            question.is_accepted, question.until_s = True, now_s + FINISH_WITHIN_S

    def stepped(self, site: str, power: Power) -> None:
        """A site tells of its power."""
        for question in self._open.values():
            if question.site == site and question.is_accepted and question.on_step is not None:
                _guarded(question.on_step, power)

    def tick(self, now_s: float) -> None:
        """End those whose time is over."""
        for id_ in [id_ for id_, each in self._open.items() if each.until_s <= now_s]:
            self._end(id_, Outcome(None, "not_finished" if self._open[id_].is_accepted else "no_answer"))

    def close(self) -> None:
        """Nobody will hear an answer any more."""
        for id_ in list(self._open):
            self._end(id_, Outcome(None, "broker_lost"))

    def _received(self, id_: str, receipt: "Future[int]") -> None:
        if receipt.exception() is not None:
            self._end(id_, Outcome(None, "broker_lost"))
        elif receipt.result() == NO_MATCHING_SUBSCRIBERS:
            self._end(id_, Outcome(None, "nobody_listens"))
        elif receipt.result() >= 0x80:
            self._end(id_, Outcome(None, "not_permitted"))

    def _end(self, id_: str, outcome: Outcome) -> None:
        question = self._open.pop(id_, None)
        if question is not None:
            question.outcome.set_result(outcome)


def _guarded(on_step: Callable[[Power], None], power: Power) -> None:
    try:
        on_step(power)
    except Exception:
        log.exception("who waits for a command failed; the board goes on")
