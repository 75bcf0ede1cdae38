"""All sites as messages come: what was not heard, and what was cleared, while the board was away."""

import json
from datetime import timedelta

from agent.console.board.fold import Fold
from tests.console.board.test_issues import AT, readiness
from tests.console.test_sites import headcount, status
from tests.console.test_table import power

SITES = [f"site-{number}" for number in range(20)]


def say(fold: Fold, *sites: str) -> None:
    for site in sites:
        for full, document in (status("running", 1), power(), readiness(), headcount()):
            fold.take(site, full.rpartition("/")[2], json.dumps(document).encode(), AT)


def listening(*sites: str) -> Fold:
    """Connected for long, and all have been heard."""
    fold = Fold()
    fold.hears(True, AT - timedelta(hours=1))
    say(fold, *sites)
    fold.news(AT)
    return fold


def states(fold: Fold, later_s: float) -> set[tuple[str, str]]:
    fold.look(1.0)
    fold.news(AT + timedelta(seconds=later_s))
    return {(tile.state, tile.issues[0].key if tile.issues else "") for tile in fold.tiles.values()}


def test_sites_are_silent_only_where_the_board_could_have_heard_them() -> None:
    fold = listening(*SITES)
    assert states(fold, 1000) == {("offline", "silent")}
    fold = listening(*SITES)
    fold.hears(False, AT + timedelta(seconds=10))
    assert states(fold, 80) == {("ready", "")}  # for a minute and a half it is known what is known
    assert states(fold, 1000) == {("unknown", "deaf")}
    fold.hears(False, AT + timedelta(seconds=1000))
    fold.hears(True, AT + timedelta(seconds=1100))
    assert states(fold, 1180) == {("unknown", "deaf")}
    assert states(fold, 1190) == {("offline", "silent")}


def test_a_board_that_has_just_begun_has_heard_nobody_yet() -> None:
    """After a power cut at the centre the broker has of each site that it is running, and nothing else."""
    fold = Fold()
    fold.hears(True, AT + timedelta(seconds=900))
    say(fold, *SITES)
    assert states(fold, 950) == {("unknown", "deaf")}


def test_a_site_that_was_cleared_while_the_board_was_away_is_gone() -> None:
    for known in (SITES, SITES[:2]):
        fold = listening(*known)
        fold.connected()
        say(fold, *known[1:])
        fold.learned()
        assert fold.news(AT)[1] == {known[0]}
        assert fold.tiles.keys() == fold.views.keys() == set(known[1:])


def test_where_the_broker_has_lost_what_it_had_no_site_vanishes() -> None:
    for known, told in ((SITES, SITES[:17]), (SITES, []), (SITES[:1], [])):
        fold = listening(*known)
        fold.connected()
        say(fold, *told, "new-1", "new-2")
        fold.learned()
        fold.news(AT)
        assert fold.tiles.keys() == {*known, "new-1", "new-2"}
