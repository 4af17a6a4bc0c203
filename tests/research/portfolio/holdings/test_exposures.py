"""Funds that are split over classes: what counts in a group, and each mistake with its sentence."""

from typing import Any

import numpy as np
import pytest
from cases import cases

from foundation.errors import ConfigError
from research.orders.decision import _into_limits
from research.orders.lots.position import Position
from research.portfolio import load_portfolio

FILE = "data/portfolios/sixty_forty.yaml"  # SPY, us_equity, and AGG, bonds
GROUPS = {
    "equity": {"asset_class": "us_equity", "range": [0.4, 0.5]},
    "bonds": {"asset_class": "bonds", "range": [0.0, 1.0]},
}


def load(split: Any, **groups: Any) -> Any:
    return load_portfolio(FILE, {"lines.AGG.exposures": split, "orders": {"groups": GROUPS | groups}})


def limits(portfolio: Any) -> dict[str, list[float]]:
    return {limit.name.removeprefix("group "): list(limit.exposures) for limit in portfolio.orders.weights}


def test_a_fund_counts_in_each_class_with_its_fraction() -> None:
    got = load({"us_equity": 0.25, "bonds": 0.7, "cash": 0.05})
    assert limits(got) == {"equity": [1.0, 0.25], "bonds": [0.0, 0.7]}
    assert {name: of.tolist() for name, of in got.exposures("asset_class").items()} == {
        "us_equity": [1.0, 0.25], "bonds": [0.0, 0.7], "cash": [0.0, 0.05],
    }  # fmt: skip


def test_a_fund_of_one_class_is_a_line_of_that_class() -> None:
    fund, plain = load({"bonds": 1.0}), load_portfolio(FILE, {"orders": {"groups": GROUPS}})
    assert fund.orders == plain.orders
    assert limits(plain) == {"equity": [1.0, 0.0], "bonds": [0.0, 1.0]}


def test_sectors_are_split_beside_classes_and_groups_of_lines_count_fractions() -> None:
    split = {"asset_class": {"bonds": 1.0}, "sector": {"tech": 0.3, "other": 0.7}}
    got = load(
        split,
        tech={"sector": "tech", "range": [0.0, 0.2]},
        both={"lines": {"SPY": 0.5, "AGG": -1.0}, "range": [0.0, 1.0]},
    )
    assert limits(got) == {"equity": [1.0, 0.0], "bonds": [0.0, 1.0], "tech": [0.0, 0.3], "both": [0.5, -1.0]}


def test_a_leveraged_fund_says_its_sum_and_settings_give_the_same_again() -> None:
    split = {"us_equity": 0.9, "bonds": 0.6, "total": 1.5}
    got = load(split)
    assert limits(got)["equity"] == [1.0, 0.9]
    assert got.settings["lines"]["AGG"]["exposures"] == {"asset_class": split}
    again = load_portfolio(FILE, {"lines": got.settings["lines"], "orders": got.settings["orders"]})
    assert again.splits == got.splits
    assert again.orders == got.orders


@pytest.mark.parametrize("asked", [["us_equity", "bonds"], {"us_equity": 0.5}, 3])
def test_a_group_of_a_class_names_one(asked: Any) -> None:
    with pytest.raises(ConfigError, match=r"orders\.groups\.mine\.asset_class: not text"):
        load({"us_equity": 0.5, "bonds": 0.5}, mine={"asset_class": asked, "range": [0.0, 1.0]})


def test_a_broken_group_counts_the_fund() -> None:
    """60 % of SPY and a quarter of the rest are far above 50 %."""
    got = load({"us_equity": 0.25, "bonds": 0.75})
    trade, held = _into_limits(Position.of(got)), got.weights
    assert f"at {100.0 * (held[0] + 0.25 * held[1]):.2f} %" in trade.why.sentence(got.market.assets)


def test_exposures_by_currency_are_those_of_the_lines() -> None:
    got = load({"us_equity": 0.25, "bonds": 0.75})
    assert {k: v.tolist() for k, v in got.exposures("currency").items()} == {"USD": [1.0, 1.0]}
    assert np.sum(list(got.exposures("asset_class").values()), axis=0).tolist() == [1.0, 1.0]


@cases(
    "split, words",
    ({"us_equity": 0.6, "bonds": 0.3}, "fractions that sum to 0.9, not to 1"),
    ({"us_equity": 0.6, "bonds": 0.6, "total": 1.5}, "fractions that sum to 1.2, not to 1.5"),
    ({"us_equity": "all"}, "not a number"),
    ({"total": 0.0}, "split over nothing"),
    ({"us_equity": 60, "bonds": 40}, "out of bounds"),
    ([0.6, 0.4], "not a mapping"),
    ({"sector": {"tech": 1.0}, "bonds": 1.0}, "unknown key"),
    ({"sector": "tech"}, "not a mapping"),
)
def test_each_mistake_has_a_sentence(split: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as raised:
        load(split)
    assert "lines.AGG.exposures" in str(raised.value)


def test_fractions_beside_lines_are_numbers() -> None:
    with pytest.raises(ConfigError, match="not a number"):
        load({"bonds": 1.0}, mine={"lines": {"SPY": "half"}, "range": [0.0, 1.0]})
