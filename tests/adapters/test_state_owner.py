"""A box that is given to another site: what is stored goes with the name, whenever the power goes."""

import contextlib
from pathlib import Path

import pytest

from agent.adapters import state_owner
from agent.adapters.state_owner import belong_to


def stored(state: Path, site: str) -> None:
    """A database of this site, and a start under its name."""
    for part in ("", "-wal"):
        (state / f"agent.db{part}").write_text(f"{site}{part}")
    belong_to(state, site)


def has(state: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in state.iterdir() if path.name != "site"}


def test_the_first_start_takes_the_folder_as_it_is(tmp_path: Path) -> None:
    stored(tmp_path, "chi-linh")
    assert has(tmp_path) == {"agent.db": "chi-linh", "agent.db-wal": "chi-linh-wal"}


def test_another_site_finds_nothing_and_the_first_finds_its_own_again(tmp_path: Path) -> None:
    stored(tmp_path, "chi-linh")
    belong_to(tmp_path, "nam-sach")
    assert has(tmp_path) == {"agent.db.of-chi-linh": "chi-linh", "agent.db.of-chi-linh-wal": "chi-linh-wal"}
    stored(tmp_path, "nam-sach")
    belong_to(tmp_path, "chi-linh")
    assert has(tmp_path) == {
        "agent.db": "chi-linh",
        "agent.db-wal": "chi-linh-wal",
        "agent.db.of-nam-sach": "nam-sach",
        "agent.db.of-nam-sach-wal": "nam-sach-wal",
    }


@pytest.mark.parametrize("steps", range(12))
@pytest.mark.parametrize("then", ["chi-linh", "nam-sach"])
def test_the_power_may_go_at_any_step(tmp_path: Path, steps: int, then: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(tmp_path, "nam-sach")
    belong_to(tmp_path, "chi-linh")
    stored(tmp_path, "chi-linh")
    left = iter(range(steps))

    class Cut(BaseException):
        pass

    def counted(act):  # type: ignore[no-untyped-def]
        def cut(*words, **more):  # type: ignore[no-untyped-def]
            if next(left, None) is None:
                raise Cut
            return act(*words, **more)

        return cut

    with monkeypatch.context() as ours:
        ours.setattr(state_owner, "_move", counted(state_owner._move))
        ours.setattr(state_owner, "_say", counted(state_owner._say))
        with contextlib.suppress(Cut):
            belong_to(tmp_path, "nam-sach")
    belong_to(tmp_path, then)
    other = {"chi-linh": "nam-sach", "nam-sach": "chi-linh"}[then]
    assert has(tmp_path) == {
        "agent.db": then,
        "agent.db-wal": f"{then}-wal",
        f"agent.db.of-{other}": other,
        f"agent.db.of-{other}-wal": f"{other}-wal",
    }


def test_a_disk_that_cannot_be_written_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "site").mkdir()
    belong_to(tmp_path, "chi-linh")
    assert "cannot be made this site's" in caplog.text
