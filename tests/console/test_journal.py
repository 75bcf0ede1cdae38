"""A name from outside cannot forge a line of the log or colour a terminal."""

import logging

import pytest

from agent.console.journal import ForJournal, OneLine


@pytest.mark.parametrize("text", ["a\nERROR forged", "\x1b[31mred", "\x9b0m", "\u2028next", "\0"])
def test_control_characters_are_escaped(text: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "device %s", (text,), None)
    line = OneLine("%(levelname)s %(message)s").format(record)
    assert line.isprintable()
    assert len(line.splitlines()) == 1


def test_vietnamese_stays_readable() -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "Thị xã Chí Linh", (), None)
    assert OneLine("%(message)s").format(record) == "Thị xã Chí Linh"


@pytest.mark.parametrize(("level", "priority"), [(logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3)])
def test_systemd_s_journal_is_told_how_bad_it_is(level: int, priority: int) -> None:
    record = logging.LogRecord("x", level, "f", 1, "codec", (), None)
    assert ForJournal("%(levelname)s %(message)s").format(record) == f"<{priority}>{record.levelname} codec"
