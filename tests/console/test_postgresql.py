"""tests/console/postgresql.py: a test run that is killed leaves no server."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.conftest import wait_for
from tests.console.postgresql import program

HOLDER = """\
import sys, time
from pathlib import Path
from tests.console.postgresql import Postgresql
server = Postgresql(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(program("initdb") is None, reason="needs PostgreSQL: sudo apt-get install postgresql")
def test_it_dies_with_who_started_it(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", HOLDER, str(tmp_path / "server")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        server = psutil.Process(int(holder.stdout.readline()))
        family = [server, *server.children(recursive=True)]
        assert len(family) > 3
        holder.send_signal(signal.SIGKILL)
    wait_for(lambda: not any(each.is_running() for each in family), "the server's end")
