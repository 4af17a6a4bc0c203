"""What a model learns from: complete outcomes of the past alone, whichever past it is read from."""

from dataclasses import replace

import numpy as np
import pytest
from planted import planted

from foundation.errors import DataError
from research.forecast.boosted.features import BLOCK, features, samples
from research.market import Market


@pytest.fixture(scope="module")
def market() -> Market:
    return planted(days=1300, n=4)


def test_outcomes_are_returns_over_cash_in_deviations_of_the_year_before_and_complete(market: Market) -> None:
    found = samples(market.past(700), 7, 10)
    assert found.rows.max() + 10 <= 700 < found.rows.max() + 17
    assert set(found.rows % 7) == {0}
    assert found.rows.min() >= 252
    last = found.rows.max()
    year, ahead = slice(last - 251, last + 1), slice(last + 1, last + 11)
    expected = np.prod(1.0 + market.returns[ahead], axis=0) - np.prod(1.0 + market.cash[ahead])
    expected /= market.returns[year].std(axis=0, ddof=1) * np.sqrt(10)
    np.testing.assert_allclose(found.outcomes[-4:], expected, rtol=1e-10)
    np.testing.assert_allclose(found.excess[-4:], expected - expected.mean(), rtol=1e-9)


def test_features_found_in_blocks_are_those_of_the_days(market: Market) -> None:
    row = 2 * BLOCK + 100
    found = samples(market.past(row), 5, 5)
    direct = features(market.past(row), np.unique(found.rows)).numbers.reshape(-1, len(found.names))
    assert found.features.tobytes() == direct.tobytes()


@pytest.mark.parametrize("row", [BLOCK - 1, BLOCK, 2 * BLOCK + 77])
def test_a_past_gives_the_samples_of_a_market_that_ends_there(market: Market, row: int) -> None:
    later = np.arange(1300)[:, None] > row
    other = replace(market, returns=np.where(later, 0.3, market.returns), facts=None)
    same = replace(market, facts=None)
    samples(same.past(1299), 5, 5)  # what a later past has found
    one, two, three = (samples(m.past(row), 5, 5) for m in (same, other, same.until(market.dates[row])))
    assert one.fingerprint == two.fingerprint == three.fingerprint
    assert one.excess.tobytes() == two.excess.tobytes()
    assert one.fingerprint != samples(same.past(row + 5), 5, 5).fingerprint


def test_the_order_of_columns_does_not_matter_to_the_bit(market: Market) -> None:
    other = market.select([market.assets[k] for k in (2, 0, 3, 1)])
    assert samples(market.past(900), 5, 5).fingerprint == samples(other.past(900), 5, 5).fingerprint


def test_a_line_has_samples_once_it_was_listed_for_a_year(market: Market) -> None:
    tradable = market.tradable.copy()
    tradable[:400, 1] = False
    late = replace(market, tradable=tradable, returns=np.where(np.arange(1300)[:, None] < 401, 0.0, market.returns))
    rows, counts = np.unique(samples(late.past(900), 5, 5).rows, return_counts=True)
    assert dict(zip(rows.tolist(), counts.tolist(), strict=True))[650] == 3
    assert dict(zip(rows.tolist(), counts.tolist(), strict=True))[655] == 4


def test_a_past_without_outcomes_is_refused(market: Market) -> None:
    for row in (100, 258):
        with pytest.raises(DataError, match=r"nothing to learn from\. Start later"):
            samples(market.past(row), 5, 10)
