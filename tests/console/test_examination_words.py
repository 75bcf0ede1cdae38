"""What is said about a finding, and what programs get as its reason."""

import pytest

from agent.console.examination_words import EXPIRY, STATE_FOLDER, sentence, word_of
from agent.core.diagnosis import Diagnosis

KINDS = ("broker.tls", "broker.ca", "broker.certificate")


def found(kind: str, reason: str | None, state: str = "warning") -> Diagnosis:
    return Diagnosis(kind, kind, "connect", state, reason)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_each_grade_of_an_end_says_the_days_and_who_renews_it(kind: str) -> None:
    said = {word: sentence(found(kind, f"{word}: 6")) for word in EXPIRY}
    assert len(set(said.values())) == 3
    for each in said.values():
        assert each is not None
        assert "6 ngày" in each[0]
        assert "6" in each[1]
        assert "trung tâm" in each[0]
        assert "centre" in each[1]
    assert word_of(found(kind, "expires_within_week: 6")) == "expires_within_week"


@pytest.mark.parametrize("word", sorted(STATE_FOLDER))
def test_a_state_folder_has_a_sentence_in_both_languages(word: str) -> None:
    assert sentence(found("box.state", word)) == STATE_FOLDER[word]
    assert all(each.endswith(".") for each in (*STATE_FOLDER[word], *EXPIRY["expires_soon"]))


def test_the_rest_is_the_cores_and_an_unknown_word_is_shown_as_it_is() -> None:
    assert sentence(found("broker.port", "refused")) is not None
    assert sentence(found("broker.port", "flux")) == ("", "flux")
    assert sentence(found("broker.port", None, "ok")) is None
    assert word_of(found("broker.port", None)) is None
