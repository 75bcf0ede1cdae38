"""The log: one line an entry on standard error, whatever a device or a message called itself."""

import logging
import os

# C0 and C1 control characters, and the line separators that some viewers obey.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(0x7F, 0xA0))} | {
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}
_PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class OneLine(logging.Formatter):
    """Escapes control characters, so that a device's name cannot forge a line or colour a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 # the library's name
        """The line, with the message escaped. A traceback of ours stays as it is."""
        record.message = record.message.translate(_CONTROL)
        return super().formatMessage(record)


class ForJournal(OneLine):
    """With the priority before it that systemd takes off again, so that ``journalctl -p warning`` finds it.

    Source: sd-daemon(3).
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line; of a traceback the first one has the priority."""
        return f"<{_PRIORITY.get(record.levelno, 6)}>{super().format(record)}"


def set_up_logging() -> None:
    """Log to standard error: with a time for people, without one under systemd, whose journal has its own."""
    handler = logging.StreamHandler()
    under_systemd = "JOURNAL_STREAM" in os.environ
    handler.setFormatter(
        ForJournal("%(levelname)s %(message)s") if under_systemd else OneLine("%(asctime)s %(levelname)s %(message)s")
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
