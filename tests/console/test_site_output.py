"""Whose the folders are that ``sudo diemcau site add`` makes."""

import os
from pathlib import Path

import pytest

from agent.__main__ import main
from tests.installer.root import needs_root


@needs_root
@pytest.mark.parametrize(("role", "owner"), [("site", 65534), ("recorder", 0), ("technician", 0)])
def test_a_box_s_folder_belongs_to_who_typed_sudo_and_to_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str, owner: int
) -> None:
    monkeypatch.setenv("SUDO_UID", "65534")
    monkeypatch.setenv("SUDO_GID", "65534")
    places = [f"--{name}={tmp_path / name}" for name in ("ca-folder", "broker-folder", "out")]
    with pytest.raises(SystemExit) as ended:
        main(["site", "add", "one", "--role", role, "--broker", "mqtts://broker.example:8883", *places])
    assert ended.value.code == 0
    folder = tmp_path / "out/one"
    assert {path.stat().st_uid for path in (folder, *folder.iterdir())} == {owner}
    assert {path.stat().st_mode & 0o777 for path in (folder, *folder.glob("*.key"))} == {0o700, 0o600}
    assert {path.stat().st_uid for path in (tmp_path / "ca-folder").rglob("*")} == {os.geteuid()}
