"""agent/console/watch.py: what programs read of the sites."""

import json

import pytest

from agent.console.listener import Listener
from agent.console.watch import Watch
from agent.core.identity import broker_at
from tests.console.test_sites import headcount, status


def test_a_site_that_has_gone_has_no_number_any_more(capsys: pytest.CaptureFixture[str]) -> None:
    listener = Listener(broker_at("mqtt://localhost"))  # never started: messages are put into its hands
    for topic, document in (status("running", 1), headcount(value=5), status("lost", 1), headcount(value=5)):
        listener.messages.put((topic, json.dumps(document).encode()))
    Watch(listener, as_json=True, title="t").run(0.5)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["presence"], each["value"], each["state"], each["reason"]) for each in told] == [
        ("running", 5, "ok", None),
        ("lost", None, "unknown", "site_lost"),
        ("lost", None, "unknown", "site_lost"),
    ]
