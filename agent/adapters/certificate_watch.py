"""When this box's certificate ends, looked up once a day in a process of its own: the library that reads it is 15 MB,
which a small box has better use for all day long.
"""

import logging
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path

from agent.core.events import CertificateSeen
from agent.core.ports import Inbox

log = logging.getLogger("diemcau")

EVERY_S = 24 * 3600.0
CHANGED_S = 60.0  # how soon a file that was replaced is looked at
PATIENCE_S = 120.0  # a Raspberry Pi with a slow card needs five
# -P: not whatever package lies in the current folder.
COMMAND = (sys.executable, "-P", "-m", "agent.adapters.certificate_watch")


class CertificateWatch:
    """Says when the certificate ends: at the start, once a day, and when the file is another one.

    Args:
        path: The certificate; empty: this box has none.
        inbox: Where ``CertificateSeen`` goes.
    """

    def __init__(self, path: str, inbox: Inbox) -> None:
        self._path, self._inbox = path, inbox
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin. Returns at once."""
        if self._path and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="certificate", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End; a look that is under way ends by itself."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            seen = self._changed()
            ends = ends_at(Path(self._path)) if seen is not None else None  # of a file that is missing the link tells
            if ends is not None:
                self._inbox(CertificateSeen(ends))
            waited_s = 0.0
            while waited_s < EVERY_S and not self._stop.wait(CHANGED_S) and self._changed() == seen:
                waited_s += CHANGED_S

    def _changed(self) -> tuple[int, int] | None:
        try:
            status = Path(self._path).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino


def ends_at(path: Path) -> datetime | None:
    """When the certificate ends (UTC); None where it cannot be read, which the link complains of itself."""
    try:
        done = subprocess.run(
            [*COMMAND, str(path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return datetime.fromisoformat(done.stdout.strip())
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        log.warning("when the certificate %s ends is not known: %s", path, error)
        return None


def main() -> None:
    """The process of its own: prints when the named certificate ends."""
    from agent.adapters.certificates import read_certificates

    print(read_certificates(Path(sys.argv[1]))[0].not_after.isoformat())


if __name__ == "__main__":
    main()
