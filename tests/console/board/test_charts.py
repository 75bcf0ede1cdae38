from agent.console.board.charts import Span, curve, spark, steps


def test_a_curve_of_steps_is_short_where_people_sit():
    assert steps([10, 10, 10, 20, 20], top=20) == "M0 8H3V0H5"


def test_what_is_not_known_is_a_gap():
    assert steps([None, 10, None, 10], top=20) == "M1 8H2M3 8H4"
    assert steps([None] * 60, top=20) == ""


def test_more_than_were_summoned_stays_within_the_picture():
    assert spark([100, 50], summoned=50) == "M0 0H1V8H2"
    assert spark([0, 0], summoned=None) == "M0 16H2"


def test_windows_that_touch_are_one_line_and_a_missing_one_is_a_gap():
    known = [Span(0, 60, 5), Span(60, 120, 10), Span(120, 180, None), Span(180, 240, 10)]
    assert curve(known, 0, 240, top=10, width=240, height=100) == "M0 50H60V0H120M180 0H240"


def test_a_window_that_reaches_out_of_the_time_is_cut():
    assert curve([Span(-60, 300, 5)], 0, 240, top=10, width=240, height=100) == "M0 50H240"
