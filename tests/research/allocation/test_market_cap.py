"""What all investors together hold, as known on the day."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from foundation.errors import ConfigError, DataError
from research.allocation import MarketCapWeights, target_path
from research.market import Market, with_facts


def test_weights_are_shares_of_the_capitalisation_that_is_known(make_market: Callable[..., Market]) -> None:
    bare = make_market(np.zeros((60, 3)), first=[0, 0, 10])
    caps = pd.DataFrame({"A00": [3.0, 1.0], "A01": [1.0, 1.0], "A02": [4.0, 2.0]}, index=bare.dates[[0, 30]])
    market = with_facts(bare, {"cap": caps})
    held = MarketCapWeights("cap")
    assert held.target(market.past(5)).tolist() == [0.75, 0.25, 0.0]
    assert held.target(market.past(29)).tolist() == [0.375, 0.125, 0.5]
    assert held.target(market.past(30)).tolist() == [0.25, 0.25, 0.5]
    assert target_path(MarketCapWeights("cap", "month"), market, start=25).at(59).tolist() == [0.25, 0.25, 0.5]


def test_missing_capitalisations_name_the_lines(make_market: Callable[..., Market]) -> None:
    bare = make_market(np.zeros((5, 3)), assets=["SPY", "AGG", "GLD"])
    with pytest.raises(DataError, match=r"the fact 'market_cap' of SPY, AGG, GLD, and the market has"):
        MarketCapWeights().target(bare.past(4))
    market = with_facts(bare, {"cap": {"SPY": 2.0, "GLD": 0.0}})
    with pytest.raises(DataError, match=r"cap of AGG, GLD is nan on 2018-01-08: .* need a number above 0"):
        MarketCapWeights("cap").target(market.past(4))
    with pytest.raises(ConfigError, match="schedule of MarketCapWeights is 'listing'"):
        MarketCapWeights(schedule="listing")  # type: ignore[arg-type]
