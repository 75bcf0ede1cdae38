"""agent/adapters/certificate_watch.py: when the box's certificate ends, without its library in the agent."""

import queue
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.adapters import certificate_watch
from agent.adapters.certificate_watch import CertificateWatch, ends_at
from agent.core.events import CertificateSeen, Event
from tests.adapters.pki import Authority
from tests.conftest import PATIENCE_S


def test_it_is_read_in_a_process_of_its_own(tmp_path: Path) -> None:
    pem, _ = Authority(tmp_path).issue("chi-linh", to_days=20)
    ends = ends_at(pem)
    assert ends is not None
    assert timedelta(days=19) < ends - datetime.now(UTC) < timedelta(days=21)
    script = (
        "import sys, agent.adapters.certificate_watch as watch; watch.ends_at(watch.Path(sys.argv[1]));"
        "print('cryptography' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(pem)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_one_that_cannot_be_read_says_nothing(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "site.pem"
    if content is not None:
        path.write_bytes(content)
    assert ends_at(path) is None


def test_a_new_one_is_told_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate_watch, "CHANGED_S", 0.1)
    ca = Authority(tmp_path)
    pem, _ = ca.issue("chi-linh", to_days=20)
    seen: queue.SimpleQueue[Event] = queue.SimpleQueue()
    watch = CertificateWatch(str(pem), seen.put)
    watch.start()
    try:
        first = seen.get(timeout=PATIENCE_S)
        ca.issue("chi-linh", to_days=400)
        second = seen.get(timeout=PATIENCE_S)
        assert isinstance(first, CertificateSeen)
        assert isinstance(second, CertificateSeen)
        assert second.ends - first.ends > timedelta(days=370)
    finally:
        watch.close()


def test_a_box_without_one_has_no_thread_for_it() -> None:
    watch = CertificateWatch("", lambda event: None)
    watch.start()
    assert watch._thread is None
    watch.close()
