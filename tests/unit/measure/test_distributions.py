"""Each distribution against SciPy's."""

import math

import pytest
from scipy import special

from edgerig.measure.distributions import Z95, binomial_half, normal_tail, student_quantile, student_tail


def test_the_normal_distributions_quantile_and_tail() -> None:
    assert float(special.ndtri(0.975)) == Z95
    for z in (0.0, 0.1, 1.0, 1.96, 5.0, 10.0, 30.0):
        assert normal_tail(z) == pytest.approx(float(special.ndtr(-z)), rel=1e-11)


@pytest.mark.parametrize("freedom", [*range(1, 40), 100, 1000, 5000])
def test_students_quantile_and_tail(freedom: int) -> None:
    assert student_quantile(freedom) == pytest.approx(float(special.stdtrit(freedom, 0.975)), rel=1e-11)
    for t in (0.0, 1e-3, 0.1, 0.5, 1.0, 2.0, 5.0, 30.0, 100.0):
        expected = float(special.stdtr(freedom, -t))
        assert student_tail(freedom, t) == pytest.approx(expected, rel=1e-10, abs=1e-290)


def test_students_tail_of_one_degree_is_an_arctangent() -> None:
    """Cauchy's distribution: 1/2 - atan(t)/π, which SciPy rounds to 1/2 for small t."""
    assert student_tail(1, 1e-9) == pytest.approx(0.5 - math.atan(1e-9) / math.pi, rel=1e-15)


@pytest.mark.parametrize("trials", [0, 1, 2, 7, 100, 1001])
def test_a_fair_coins_tail(trials: int) -> None:
    for most in range(0, trials + 1, max(1, trials // 13)):
        assert binomial_half(most, trials) == pytest.approx(float(special.bdtr(most, trials, 0.5)), rel=1e-10)


def test_a_coin_thrown_many_times_is_still_counted_exactly() -> None:
    assert binomial_half(10_000, 20_001) == 0.5
