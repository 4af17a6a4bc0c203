"""Targets that are given: how they are written, and what becomes of assets that are not listed yet."""

import numpy as np
import pandas as pd
import pytest
from cases import cases
from pydantic import TypeAdapter

from foundation.errors import ConfigError
from research.allocation import EqualWeights, FixedWeights, target_path


@pytest.fixture(scope="module")
def market(make_market):
    """Three assets; the last, of the class of the first, is listed at row 5."""
    return make_market(np.zeros((10, 3)), [0, 0, 5], ("SPY", "AGG", "QQQ"), ("equity", "bond", "equity"))


def test_named_weights_are_put_in_the_markets_order(market):
    assert FixedWeights({"AGG": 0.4, "SPY": 0.5}).target(market.past(9)).tolist() == [0.5, 0.4, 0.0]


def test_unnamed_weights_are_in_the_markets_order(market):
    assert FixedWeights([0.5, 0.4, 0.1]).target(market.past(9)).tolist() == [0.5, 0.4, 0.1]


def test_a_series_is_read_by_its_labels_and_not_by_its_order(market):
    weights = pd.Series({"QQQ": 0.1, "AGG": 0.4, "SPY": 0.5})
    assert FixedWeights(weights).target(market.past(9)).tolist() == [0.5, 0.4, 0.1]


def test_a_listing_changes_the_target_once(market):
    path = target_path(FixedWeights({"SPY": 0.5, "AGG": 0.3, "QQQ": 0.2}), market)
    assert path.seen.tolist() == [0, 5]
    assert path.rows == pytest.approx(np.array([[0.7, 0.3, 0.0], [0.5, 0.3, 0.2]]), abs=1e-15)


def test_a_listing_may_be_awaited_in_cash(market):
    path = target_path(FixedWeights({"SPY": 0.5, "AGG": 0.3, "QQQ": 0.2}, unlisted="cash"), market)
    assert path.rows.tolist() == [[0.5, 0.3, 0.0], [0.5, 0.3, 0.2]]


def test_equal_weights_keep_the_weight_of_a_class_before_a_listing(market):
    path = target_path(EqualWeights(), market)
    assert path.rows == pytest.approx(np.array([[2 / 3, 1 / 3, 0.0], [1 / 3, 1 / 3, 1 / 3]]), abs=1e-15)


def test_the_same_weights_in_another_order_are_the_same_allocation():
    one, other = FixedWeights({"SPY": 0.6, "AGG": 0.4}), FixedWeights({"AGG": 0.4, "SPY": 0.6})
    assert one == other
    assert hash(one) == hash(other)
    assert one != FixedWeights({"SPY": 0.4, "AGG": 0.6})


def test_changing_the_mapping_later_does_not_change_the_allocation(market):
    weights = {"SPY": 0.6, "AGG": 0.4}
    allocation = FixedWeights(weights)
    weights["SPY"] = 0.0
    assert allocation.target(market.past(9)).tolist() == [0.6, 0.4, 0.0]


def test_all_unknown_names_are_listed_beside_the_known_ones(market):
    said = r"'SPX', 'TLT', which the market does not have: its assets are SPY, AGG, QQQ"
    with pytest.raises(ConfigError, match=said):
        FixedWeights({"SPX": 0.5, "AGG": 0.3, "TLT": 0.2}).target(market.past(9))


def test_another_number_of_weights_than_lines_is_refused(market):
    with pytest.raises(ConfigError, match=r"has 2 weights and the market 3 assets: SPY, AGG, QQQ"):
        FixedWeights((0.5, 0.5)).target(market.past(9))


@cases(
    "weights, complaint",
    ({"SPY": float("nan")}, r"weight of 'SPY' in FixedWeights is nan"),
    ({"SPY": "half"}, r"weight of 'SPY' in FixedWeights is 'half'"),
    ((0.5, float("inf")), r"weight of asset 2 of 2 in FixedWeights is inf"),
    ((("SPY", 0.5), ("SPY", 0.5)), r"'SPY' is named twice"),
    ({}, r"no asset is named"),
    ((), r"has no weights"),
    (0.5, r"are 0.5. Give one an asset"),
)
def test_weights_that_are_not_numbers_for_lines_are_refused(weights, complaint):
    with pytest.raises(ConfigError, match=complaint):
        FixedWeights(weights)


@pytest.mark.parametrize("kind", [EqualWeights, lambda unlisted: FixedWeights((1.0,), unlisted)])
def test_another_treatment_of_unlisted_lines_is_refused(kind):
    with pytest.raises(ConfigError, match=r"'wait'. Use one of pro_rata, cash"):
        kind(unlisted="wait")


@pytest.mark.parametrize("weights", [{"SPY": 0.6, "AGG": 0.4}, [0.6, 0.4]])
def test_a_file_gives_the_same_allocation_and_takes_it_back(weights):
    adapter = TypeAdapter(FixedWeights)
    allocation = adapter.validate_python({"weights": weights})
    assert allocation == FixedWeights(weights)
    assert adapter.validate_json(adapter.dump_json(allocation)) == allocation
