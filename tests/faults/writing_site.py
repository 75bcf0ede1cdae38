"""A process with a site's outbox and link that does nothing but write rows, and says which are on disk: to be killed.

``python -m tests.faults.writing_site STATE URL ACKNOWLEDGE``: the first line that it prints is ``up``, before it opens
anything; each one after is the newest number that was committed, and the marks of the rows up to it.
What is acknowledged is written down often, so that a life does not send all of the one before again.
"""

import random
import sys
import time
import uuid
from pathlib import Path

from agent.adapters import outbox as outbox_module
from agent.adapters.agent_db import AgentDb
from agent.adapters.mqtt_link import MqttLink
from agent.adapters.outbox import Outbox
from agent.core.commands import Keep
from agent.core.config import ReportingSection
from agent.core.identity import BrokerSection
from tests.adapters.test_history_rows import event, gap_event
from tests.adapters.test_mqtt_link import lost


def main(state: str, url: str, acknowledge: str) -> None:
    """Write until killed."""
    print("up", flush=True)
    db = AgentDb(Path(state) / "agent.db")
    db.start()
    outbox_module.LOOK_EVERY_S = outbox_module.WRITE_DOWN_EVERY_S = 0.1
    outbox = Outbox(db, ReportingSection.model_validate({"acknowledge": acknowledge}), gap_event)
    outbox.start()

    marks: list[str] = []

    def told(newest: int) -> None:
        before(newest)
        print(newest, *marks, flush=True)

    before, db.on_rows = db.on_rows, told
    MqttLink(
        BrokerSection(url=url), "nam-sach", db.next_connection, lost, (), lambda event: None, outbox=outbox
    ).start()
    while True:
        marks[:] = [uuid.uuid4().hex for _ in range(random.randint(1, 5))]
        db.keep(Keep(tuple(event({"mark": mark}) for mark in marks), {"power": f'"{time.time()}"'}))
        time.sleep(random.uniform(0, 0.02))


if __name__ == "__main__":
    main(*sys.argv[1:])
