"""The demo's last sentence."""

from agent.console.demo import Score


def test_it_says_of_which_numbers_it_speaks() -> None:
    score = Score()
    assert "Nothing was counted" in score.sentence(2)
    score.last |= {"chi-linh": (19, 20, "yunet"), "nam-sach": (30, 30, "yunet")}
    said = score.sentence(3)
    assert "2/3" in said
    assert "by each site's last number of the conference, 1 of 50 people wrong (2.0%)" in said
