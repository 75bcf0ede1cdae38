"""A site whose disk a test has in its hand: its database and its outbox, without anything above them."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agent.adapters import history_rows
from agent.adapters.agent_db import AgentDb
from agent.adapters.outbox import Outbox
from agent.core.commands import Keep
from agent.core.config import ReportingSection
from agent.core.contract import HistoryAck, encode
from tests.adapters.test_history_rows import AT, event, gap_event


class Site:
    """A database and its outbox; the clockwork is turned by hand."""

    def __init__(self, db: AgentDb) -> None:
        self.db = db
        db.start()
        self.out = Outbox(db, ReportingSection(), gap_event, lambda: (AT.timestamp(), True))
        self.out.start()
        self.out.connected()

    def keep(self, *numbers: int) -> bool:
        return self.db.keep(Keep(tuple(event({"n": number}) for number in numbers), {"power": json.dumps(numbers)}))

    def sent(self) -> list[dict[str, Any]]:
        """All that the link would be given now, but for what nobody can read."""
        rows = []
        while some := self.out.take(1000):
            for row in some:
                with suppress(ValueError):
                    rows.append(json.loads(row.raw))
        return rows

    def ack(self, upto: int) -> None:
        epoch = self.db.write(history_rows.epoch)
        self.out.heard(encode(HistoryAck(epoch=str(epoch), upto=upto)))

    def close(self) -> None:
        self.out.close()
        self.db.close()


def details(rows: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [row["detail"] for row in rows if row.get("kind") == kind]


def mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "diemcau-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("may not mount a file system here")
    yield folder
    subprocess.run(["umount", folder], check=True)
