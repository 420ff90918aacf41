"""What papers report, measured again: what the pages' own assertions don't say."""

import pytest

from vgplib.experiments import papers


def test_clipped_descent_takes_the_steps_that_theory_says():
    """By hand: while clipped, each step is 1/40 of 4; without, the rate is bounded at the start."""
    assert papers.steps_on_a_quartic(10.0, clipped=True) == 505
    assert papers.steps_on_a_quartic(10.0, clipped=False) == 3225
    further = papers.steps_on_a_quartic(100.0, clipped=True)
    assert further - 505 == 90 / 0.1  # ninety further, a tenth at each step


def test_an_unknown_kind_of_batch_norm_is_named():
    with pytest.raises(ValueError, match="unknown kind 'batchnorm'.*shifted"):
        papers.batch_norm("batchnorm")
