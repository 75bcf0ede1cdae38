"""Centres whose broker runs from the files that ``diemcau site`` makes; and disks that fail."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.disk_site import mounted
from tests.faults.power_cut_vfs import Disk
from tests.faults.rights_bed import BY_PASSWORD, OTHER, SITE, WHO, Centre, Peer


@pytest.fixture(scope="module")
def centre(mosquitto_program: str) -> Iterator[Centre]:
    """With one of each role, and two sites."""
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to the user mosquitto
        Path(name).chmod(0o755)
        made = Centre(Path(name), mosquitto_program)
        made.site("add", SITE, OTHER, "--broker", f"mqtts://127.0.0.1:{made.port}")
        made.site("add", BY_PASSWORD, "--password")
        for each, role in WHO.items():
            if role not in ("site", "stranger"):
                made.site("add", each, "--role", role)
        made.start()
        yield made
        made.close()


@pytest.fixture(scope="module")
def all_seeing(centre: Centre) -> Iterator[Peer]:
    peer = Peer(centre, centre.issued("all-seeing"), is_local=True)
    peer.subscribe(["#"])
    yield peer
    peer.close()


@pytest.fixture
def small(mosquitto_program: str) -> Iterator[Centre]:
    """Two sites by certificate and one by password; for tests that change who is admitted."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        made = Centre(Path(name), mosquitto_program)
        made.site("add", SITE, OTHER, "--broker", f"mqtts://127.0.0.1:{made.port}")
        made.site("add", BY_PASSWORD, "--password")
        made.start()
        yield made
        made.close()


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    yield from mounted(tmp_path / "card", "size=3m")


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for ten files."""
    yield from mounted(tmp_path / "crowded", "nr_inodes=11")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path)
    yield made
    made.close()
