import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.domain.errors import InvalidInputError
from openoutcry.models.classifier import MAX_RATIONALE_CHARS, Classifier, Opinion, opinion_from_scores

scores = st.floats(-1e6, 1e6)


@settings(derandomize=True, deadline=None)
@given(scores, scores, scores)
def test_scores_become_a_distribution_in_the_same_order(up, flat, down):
    opinion = opinion_from_scores(up, flat, down, "because")
    shares = (opinion.up, opinion.flat, opinion.down)
    assert math.isclose(math.fsum(shares), 1.0, abs_tol=1e-12)
    assert sorted(shares) == [share for _, share in sorted(zip((up, flat, down), shares, strict=True))]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_scores_must_be_finite(bad):
    with pytest.raises(InvalidInputError, match="not finite"):
        opinion_from_scores(0.0, bad, 0.0, "")


@pytest.mark.parametrize(
    "shares",
    [
        (math.nan, 0.5, 0.5),
        (0.5, math.inf, 0.0),
        (-0.1, 0.6, 0.5),
        (0.5, 0.5, 0.5),
        (0.3, 0.3, 0.3),
        (1.1, 0.0, -0.1),
    ],
)
def test_an_opinion_is_a_distribution(shares):
    with pytest.raises(InvalidInputError, match="no distribution"):
        Opinion(*shares)


def test_a_rationale_has_a_limit():
    assert len(opinion_from_scores(0.0, 0.0, 0.0, "x" * 10_000).rationale) == MAX_RATIONALE_CHARS


def test_a_classifier_must_say_how_it_classifies():
    class Mute(Classifier, frozen=True):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Mute()
