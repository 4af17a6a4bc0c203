"""What constraints are told of a day: words of facts that change by date, and markets with a delisted asset."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from foundation.errors import ConfigError
from research.allocation import MeanVariance
from research.allocation.allocation import target_path
from research.allocation.constraints.records import Bounds, Constraints, Exclusions, Exposure, Group, Liquidity
from research.forecast import Estimated
from research.market import with_facts

FORECAST = Estimated(window=60)


@pytest.fixture(scope="module")
def tagged(make_market):
    """Four assets of the tag x; the first has the tag y from row 150 to row 250, then z."""
    market = make_market(np.random.default_rng(3).normal(0.0, 0.01, (300, 4)))
    tags = pd.DataFrame("x", index=market.dates[[0, 150, 250]], columns=list(market.assets))
    tags.loc[market.dates[150], "A00"], tags.loc[market.dates[250], "A00"] = "y", "z"
    return with_facts(market, {"tag": tags, "home": dict.fromkeys(market.assets, "us")})


@pytest.mark.parametrize("word", ["y", "z"])
def test_a_limit_of_a_word_that_no_line_has_today_is_set_aside_with_a_note(tagged, word):
    constraints = Constraints(groups={"few": Group(where={"tag": word}, least=0.6)})
    held = MeanVariance(forecast=FORECAST, constraints=constraints)
    held.check(tagged.past(299))
    path = target_path(held, tagged, start=100)
    for row, answer in zip(path.seen.tolist(), path.answers, strict=True):
        applies = tagged.past(row).fact("tag")[0] == word
        assert (answer.weights[0] >= 0.6 - 1e-8) == applies
        assert answer.notes == (() if applies else ("groups.few does not apply: no asset is in it today.",))


def test_a_word_that_a_fact_never_has_is_refused_before_the_first_day(tagged):
    for where in ({"tag": "w"}, {"home": "uk"}):
        constraints = Constraints(exclude=Exclusions(where=where))
        with pytest.raises(ConfigError, match="no asset has this"):
            MeanVariance(forecast=FORECAST, constraints=constraints).check(tagged.past(299))
    with pytest.raises(ConfigError, match="no asset has this home"):
        MeanVariance(forecast=FORECAST, constraints=constraints).answer(tagged.past(100))


def test_facts_of_a_delisted_line_need_not_be_known_but_it_may_be_named(make_market):
    whole = make_market(np.random.default_rng(4).normal(0.0, 0.01, (300, 4)))
    gone = (np.arange(300)[:, None] >= 200) & (np.arange(4) == 0)
    exits = {"delisted": [whole.dates[200], *[pd.NaT] * 3], "delisting_return": [0.0, *[np.nan] * 3]}
    market = replace(
        whole,
        returns=np.where(gone, 0.0, whole.returns),
        tradable=whole.tradable & ~gone,
        instruments=whole.instruments.assign(**exits, esg=[np.nan, 5.0, 6.0, 7.0]),
        prices=np.where(gone, np.nan, 10.0),
        volumes=np.where(gone, np.nan, 1e6),
    )
    constraints = Constraints(
        liquidity=Liquidity(days=5.0, nav=1e7), lines={"A00": Bounds(most=0.5)},
        exposures={"esg": Exposure(column="esg", least=1.0)},
    )  # fmt: skip
    held = MeanVariance(forecast=FORECAST, constraints=constraints)
    held.check(market.past(299))
    assert target_path(held, market, start=280).rows[:, 0].max() == 0.0
    unknown = Constraints(lines={"A09": Bounds(most=0.5)})
    with pytest.raises(ConfigError, match=r"lines\.A09: unknown asset"):
        MeanVariance(forecast=FORECAST, constraints=unknown).check(market.past(299))
