"""The chance of still days, against scipy's."""

import pytest
from scipy.stats import poisson

from research.market.quality.bars import chance_of_more


@pytest.mark.parametrize("count", [1, 2, 7, 60, 900, 9000])
@pytest.mark.parametrize("share", [1e-6, 0.01, 0.5, 0.9, 0.999])
def test_chance_of_more_is_the_tail_of_the_poisson_distribution(count: int, share: float) -> None:
    expected = poisson.sf(count - 1, share * count)
    assert chance_of_more(count, share * count) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(("mean", "chance"), [(0.0, 0.0), (5.0, 1.0), (8.0, 1.0)])
def test_chance_of_more_is_certain_from_the_mean_on_and_none_of_none(mean: float, chance: float) -> None:
    assert chance_of_more(5, mean) == chance
