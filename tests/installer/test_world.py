"""The machine that is set up: its files and programs."""

from pathlib import Path

import pytest

from agent.installer.steps import InstallError
from agent.installer.world import File, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, tmp_path / "log")


def test_a_program_s_last_words_are_the_sentence_and_the_log_has_all(world: World, tmp_path: Path) -> None:
    with pytest.raises(InstallError, match=r"sh -c .*: the last \(.*log\)$"):
        world.run(["sh", "-c", "echo out; echo first >&2; echo the last >&2; exit 3"])
    assert {"out", "first", "the last"} <= set((tmp_path / "log").read_text().splitlines())


@pytest.mark.parametrize(
    ("argv", "named"),
    [(["no-such-program"], "no-such-program"), (["false"], "ended with 1"), (["sleep", "60"], "timed")],
)
def test_a_program_that_cannot_be_run_is_named(world: World, argv: list[str], named: str) -> None:
    with pytest.raises(InstallError, match=named):
        world.run(argv, 0.2)
    assert world.says(argv, 0.2) is None


def test_a_program_gets_an_environment_and_no_input(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/x")
    said = world.run(["sh", "-c", 'cat; echo "$A ${PYTHONPATH-none}"'], A="a", PYTHONPATH=None)
    assert said == "a none\n"


def test_only_the_root_of_all_is_this_machine(world: World) -> None:
    assert World().is_this_machine
    assert not world.is_this_machine
    assert not world.is_booted
    assert world.path("/etc/passwd") == world.root / "etc/passwd"


@pytest.mark.parametrize("before", [None, b"before"])
def test_a_file_is_written_where_it_differs_and_put_back(world: World, before: bytes | None) -> None:
    path = world.path("/etc/a/b")
    if before is not None:
        world.write("/etc/a/b", before, 0o640)
    file = File(world, "/etc/a/b", b"after", "b", 0o644)
    assert not file.is_done()
    file.do()
    assert file.is_done()
    assert path.read_bytes() == b"after"
    file.undo()
    assert (path.read_bytes() if path.exists() else None) == before
    assert before is None or path.stat().st_mode & 0o7777 == 0o640


def test_another_mode_is_another_file(world: World) -> None:
    world.write("/etc/key", b"key", 0o644)
    assert not File(world, "/etc/key", b"key", "key", 0o600).is_done()


def test_a_file_of_nobody_yet_is_not_done_and_says_so_when_written(world: World) -> None:
    def nobody() -> tuple[int, int]:
        raise InstallError("there is no user")

    world.write("/etc/key", b"key", 0o600)
    file = File(world, "/etc/key", b"key", "key", 0o600, nobody)
    assert not file.is_done()
    with pytest.raises(InstallError, match="no user"):
        file.do()


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    assert World(tmp_path, tmp_path / "no" / "log").run(["echo", "a"]) == "a\n"
    assert not list(tmp_path.iterdir())


def test_a_link_in_a_file_s_place_comes_back_as_a_link(world: World) -> None:
    world.write("/etc/other", b"before")
    world.path("/etc/a").symlink_to("other")
    file = File(world, "/etc/a", b"after", "a")
    file.do()
    assert not world.path("/etc/a").is_symlink()
    file.undo()
    assert world.path("/etc/a").readlink() == Path("other")
    assert world.path("/etc/other").read_bytes() == b"before"


def test_what_a_program_is_given_is_not_in_the_log_nor_is_the_password_of_a_url(world: World, tmp_path: Path) -> None:
    given = "s\u1edd" * 100_000  # more than one argument may hold
    argv = ["wc", "-c", "--", "-"]
    assert world.run(argv, given=given).split()[0] == str(len(given.encode()))
    world.run(["echo", "--database", "postgresql://recorder:a:s/e@c@db.example/rows", "https://a.example:80/b"])
    log = (tmp_path / "log").read_text()
    assert "postgresql://recorder:…@db.example/rows" in log
    assert "https://a.example:80/b" in log
    assert "s\u1edd" not in log
