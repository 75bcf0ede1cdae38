"""What a room answers to ``aim``: where faces are seen there, or why it does not say. Never a picture."""

from dataclasses import dataclass
from datetime import UTC, datetime

from agent.console.board.live import Outcome
from agent.console.board.tile import Words
from agent.console.words import COMMAND_REASON, SILENCE
from agent.core.config import Zones
from agent.core.contract import Aim, compact, decode

REFUSED = ("điểm cầu không trả lời được", "the site could not answer")
UNREADABLE = ("câu trả lời không đọc được: phiên bản khác?", "the answer cannot be read: another version?")


class NoAnswerError(Exception):
    """There is no geometry; ``words`` say why, for people."""

    def __init__(self, words: Words) -> None:
        self.words = words
        super().__init__(words[1])


@dataclass(frozen=True, slots=True)
class Aimed:
    """What a room answered, the zones in it, and when."""

    aim: Aim
    zones: Zones
    at: datetime

    @property
    def runs(self) -> Zones | None:
        """The zones that run there; None: they did not fit into the answer."""
        return None if self.aim.truncated else self.zones


def answer_of(outcome: Outcome) -> Aimed:
    """The geometry that came just now. Raises NoAnswerError."""
    result = outcome.result
    if result is None:
        raise NoAnswerError(SILENCE.get(outcome.silence or "no_answer", SILENCE["no_answer"]))
    if result.state != "done":
        raise NoAnswerError(COMMAND_REASON.get(result.reason or "", REFUSED))
    try:
        aim = decode(Aim, compact(result.result).encode())
        return Aimed(aim, Zones(include=aim.include, exclude=aim.exclude), datetime.now(UTC))
    except ValueError as error:
        raise NoAnswerError(UNREADABLE) from error
