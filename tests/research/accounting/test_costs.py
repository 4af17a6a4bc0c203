from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cases import cases

from foundation.errors import ConfigError, DataError
from research.accounting import Costs
from research.accounting.costs import Impact, Tax
from research.accounting.daily_costs import impact_on
from research.market import Market, instruments_table


def test_basis_points_become_fractions_one_for_all_or_one_a_line() -> None:
    costs = Costs.bps(3, commission=1, half_spread=[0, 2, 3])
    assert costs.commission.tolist() == pytest.approx([1e-4, 1e-4, 1e-4])
    assert costs.total.tolist() == pytest.approx([1e-4, 3e-4, 4e-4])
    assert costs.per_side.tolist() == [costs.total.tolist()]
    assert costs.cost_parameters().rates.tolist() == [[costs.commission.tolist(), costs.half_spread.tolist()]]
    assert costs.cost_parameters().plain


def test_each_line_is_told_its_costs_by_name() -> None:
    table = Costs.bps(2, commission=[1, 2], half_spread=0.5).table(("SPY", "BTC"))
    assert table["BTC"] == pytest.approx({"commission": 2.0, "half_spread": 0.5})


@pytest.mark.parametrize("bad", [-1.0, 5_000.0, np.nan, np.inf])
def test_a_cost_is_at_least_zero_and_less_than_half(bad: float) -> None:
    with pytest.raises(ConfigError, match=r"half_spread of asset 2 of . is .* bps"):
        Costs.bps(2, half_spread=[1.0, bad])


def test_both_costs_are_given_for_the_same_lines() -> None:
    with pytest.raises(ConfigError, match=r"commission has 2 assets and half_spread has shape \(3,\)"):
        Costs(np.zeros(2), np.zeros(3))


def test_rates_cannot_be_written_to_afterwards() -> None:
    rates = np.array([1e-4])
    costs = Costs(rates, rates)
    rates[0] = 1.0
    assert costs.commission[0] == 1e-4
    with pytest.raises(ValueError, match="read-only"):
        costs.commission[0] = 0.0


# -- what the kernel takes -------------------------------------------------------------------------------------------


def market_of(quotes: list[float]) -> Market:
    """One asset that trades at these quotes, on sessions in a row."""
    prices = np.array(quotes)[:, None]
    returns = np.concatenate([[[0.0]], prices[1:] / prices[:-1] - 1.0])
    dates = pd.DatetimeIndex(["2018-01-02", "2018-01-03", "2018-01-04", "2018-01-05"][: len(prices)])
    return Market(
        dates, ("A",), returns, np.ones(prices.shape, dtype=bool), np.zeros(len(prices)), instruments_table(["A"]),
        prices, volumes=np.full(prices.shape, 100.0), bars={"open": prices / 2.0}, name="made",
    )  # fmt: skip


def test_a_commission_per_unit_is_a_rate_on_the_quote_of_the_day_or_of_its_open() -> None:
    """0.05 a unit is 1 % of a quote of 5 and half a per cent of 10; an open of half the quote makes it twice that."""
    costs, market = Costs(np.array([0.001]), np.zeros(1), per_unit=np.array([0.05])), market_of([5.0, 10.0])
    assert costs.cost_parameters(market).rates[:, 0, 0] == pytest.approx([0.011, 0.006], rel=1e-14)
    assert costs.cost_parameters(market, at_open=True).rates[:, 0, 0] == pytest.approx([0.021, 0.011], rel=1e-14)
    with pytest.raises(ConfigError, match="need a market"):
        costs.cost_parameters()


def test_a_commission_per_unit_of_one_line_changes_that_line_alone() -> None:
    one = market_of([5.0, 10.0])
    two = Market(
        one.dates, ("A", "B"), np.repeat(one.returns, 2, axis=1), np.ones((2, 2), dtype=bool), one.cash,
        instruments_table(["A", "B"]), np.repeat(one.prices, 2, axis=1),
    )  # fmt: skip
    costs = Costs(np.full(2, 0.001), np.zeros(2), per_unit=np.array([0.05, 0.0]))
    expected = pytest.approx(np.array([[0.011, 0.001], [0.006, 0.001]]), rel=1e-14)
    assert costs.cost_parameters(two).rates[:, 0] == expected


def test_a_ticket_brings_no_tax_and_a_small_least_order_is_no_plain_cost() -> None:
    ticket = Costs(np.zeros(1), np.zeros(1), ticket=np.ones(1)).cost_parameters()
    assert (ticket.tax, ticket.plain) == (0.0, False)
    least = Costs(np.zeros(1), np.zeros(1)).cost_parameters(minimum_trade=0.05)
    assert (least.minimum_trade, least.plain) == (0.05, False)


def test_impact_is_volatility_over_the_root_of_dollar_volume() -> None:
    """Quotes of 10, 11, 11: returns of 0.1 and 0 deviate by 0.0707; two days traded 1,100 each."""
    costs = Costs(np.zeros(1), np.zeros(1), impact=Impact(0.8, 1.5, volume_window=2, volatility_window=2))
    each = costs.cost_parameters(market_of([10.0, 11.0, 11.0]), first=2).impact[2, 0]
    assert each == pytest.approx(0.8 * np.sqrt(0.005) / np.sqrt(1100.0), rel=1e-12)
    with pytest.raises(DataError, match=r"2-session volatility of A on 2018-01-03 .*found nan"):
        costs.cost_parameters(market_of([10.0, 11.0, 11.0]), first=1)


def test_the_impact_of_a_day_is_that_of_its_model_and_market_whichever_was_asked_before() -> None:
    """The closed form of the test above, for two coefficients and two markets in turn."""
    one, other = market_of([10.0, 11.0, 11.0]), market_of([10.0, 11.0, 11.0, 11.0])
    for coefficient in (0.8, 0.4, 0.8):
        model = Impact(coefficient, 1.5, volume_window=2, volatility_window=2)
        for market in (one, other):
            expected = pytest.approx(coefficient * np.sqrt(0.005 / 1100.0), rel=1e-12)
            assert impact_on(market.past(2), model)[0] == expected
            assert impact_on(market.past(1), model).tolist() == [0.0]
        assert impact_on(other.past(3), model).tolist() == [0.0]


def test_a_spread_by_the_day_is_of_the_day_and_a_shorter_market_takes_its_part() -> None:
    costs = Costs(np.array([0.001]), np.array([[0.001], [0.004], [0.002]]))
    assert costs.until(2).cost_parameters(market_of([5.0, 5.0])).total[:, 0] == pytest.approx([0.002, 0.005], rel=1e-14)
    assert costs.total == pytest.approx([0.003], rel=1e-14), "the median stands for it"
    with pytest.raises(ConfigError, match="half_spread has 3 rows and market 'made' 4"):
        costs.cost_parameters(market_of([5.0, 5.0, 5.0, 5.0]))


@pytest.mark.filterwarnings("error")
def test_a_spread_of_which_no_training_day_knows_one_cannot_be_simplified() -> None:
    market = market_of([5.0, 5.0, 5.0])
    known = Costs(np.zeros(1), np.array([[np.nan], [0.004], [0.002]])).simplified(market, 100.0)
    assert known.half_spread.tolist() == pytest.approx([0.003])
    never = Costs(np.zeros(1), np.full((3, 1), np.nan))
    assert np.isnan(never.total).all()
    with pytest.raises(DataError, match=r"no half-spread of A in market 'made' is known by 2018-01-04, .*on all 3 ses"):
        never.simplified(market, 100.0)


def test_twice_the_costs_are_twice_every_cost_of_trading_and_no_other() -> None:
    costs = Costs(
        np.array([0.001]), np.array([0.002]), ticket=np.array([3.0]), minimum=np.array([4.0]), impact=Impact(0.5),
        tax=Tax(0.2), management_fee=0.01,
    )  # fmt: skip
    twice = costs.scaled(2.0)
    assert (twice.total[0], twice.ticket[0], twice.minimum[0]) == (0.006, 6.0, 8.0)
    assert twice.impact == Impact(1.0)
    assert (twice.tax, twice.management_fee) == (costs.tax, costs.management_fee)
    assert costs.left_out == ("impact", "tax", "costs of holding")
    assert not costs.proportional
    assert costs.scaled(0.0).total[0] == 0.0


def test_only_fractions_of_notional_are_proportional() -> None:
    plain = Costs.bps(2, commission=3, half_spread=2)
    by_day = replace(plain, half_spread=np.full((5, 2), 0.0002))
    unit = replace(plain, per_unit=np.array([0.0, 0.01]))
    untaxed = replace(plain, tax=Tax(0.0))  # a rate that changes nothing
    assert [costs.proportional for costs in (plain, by_day, unit, untaxed)] == [True, False, False, False]
    assert unit.left_out == ("per_unit",)
    taxed = replace(plain, tax=Tax(0.2))
    assert [costs.cost_parameters().plain for costs in (plain, untaxed, taxed)] == [True, True, False]


@cases(
    "wrong, said",
    ({"ticket": np.array([-1.0])}, "ticket of asset 1 of 1 is -1 currency"), ({"financing": 0.7}, "financing is 0.7"),
    ({"borrow": np.array([np.nan])}, "borrow of asset 1 of 1 is nan"), ({"management_fee": -0.1}, "management_fee"),
)  # fmt: skip
def test_amounts_and_yearly_costs_are_refused_by_name_and_value(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Costs(np.zeros(1), np.zeros(1), **wrong)


def test_impact_and_tax_are_refused_where_they_make_no_sense() -> None:
    for wrong in ({"coefficient": -1.0}, {"coefficient": (1.0, np.nan)}, {"exponent": 1.0}):
        with pytest.raises(ConfigError, match="of impact is"):
            Impact(**wrong)
    assert Costs(np.zeros(2), np.zeros(2), impact=Impact((0.5, 1.0))).impact == Impact((0.5, 1.0))
    said = "impact has 3 coefficients and commission 2 assets: give one, or one an asset"
    with pytest.raises(ConfigError, match=said):
        Costs(np.zeros(2), np.zeros(2), impact=Impact((0.5, 1.0, 2.0)))
    with pytest.raises(ConfigError, match="rate of tax is 1"):
        Tax(1.0)
    with pytest.raises(ConfigError, match="lots of tax are 'last'"):
        Tax(0.2, "last")  # type: ignore[arg-type]


@cases(
    "make, said",
    (lambda: Costs("free", np.zeros(2)), "commission is 'free': give a fraction of notional an asset"),
    (lambda: Costs([], []), r"commission is \[\]: give"),
    (lambda: Costs(np.zeros(2), None), "half_spread is None: give a fraction"),
    (lambda: Costs(np.zeros(2), [[0.1, 0.1], [0.1]]), "half_spread is .*: give a fraction"),
    (lambda: Costs(np.zeros(2), np.zeros(2), ticket="5"), "ticket is '5': give currency"),
    (lambda: Costs(np.zeros(2), np.zeros(2), minimum=[1.0, True]), r"minimum is \[1.0, True\]: give currency"),
    (lambda: Costs(np.zeros(2), np.zeros(2), borrow=None), "borrow is None: give a fraction a year"),
    (lambda: Costs(np.zeros(2), np.zeros(2), impact=0.5), "impact is 0.5: give Impact"),
    (lambda: Costs(np.zeros(2), np.zeros(2), tax=0.2), "tax is 0.2: give Tax"),
    (lambda: Costs(np.zeros(2), np.zeros(2), financing="1%"), "financing is '1%': it is a fraction a year"),
    (lambda: Costs(np.zeros(2), np.zeros(2), management_fee=True), "management_fee is True"),
    (lambda: Costs(np.zeros(2), np.zeros(2), cash_spread=np.nan), "cash_spread is nan"),
    (lambda: Costs.bps("SPY"), "n is 'SPY': give the number of assets"),
    (lambda: Costs.bps(0), "n is 0: give the number of assets"),
    (lambda: Costs.bps(2, commission="1"), "commission is '1': give basis points, one number for all assets or 2"),
    (lambda: Costs.bps(2, commission=[1, 2, 3]), r"commission is \[1, 2, 3\]: give .* or 2, one an asset"),
    (lambda: Costs.bps(2, half_spread=None), "half_spread is None: give basis points"),
    (lambda: Costs.bps(1).scaled("2"), "costs cannot be multiplied by '2'"),
    (lambda: Impact("big"), "coefficient of impact is 'big'"),
    (lambda: Impact(None), "coefficient of impact is None"),
    (lambda: Impact(exponent="1.5"), "exponent of impact is '1.5'"),
    (lambda: Impact(volume_window=2.5), "volume_window of impact is 2.5: give a whole number of sessions, 1"),
    (lambda: Impact(volatility_window=1), "volatility_window of impact is 1: give a whole number of sessions, 2"),
    (lambda: Tax("20%"), "rate of tax is '20%': it is a fraction of the gain"),
    (lambda: Tax(False), "rate of tax is False"),
    (lambda: Tax(0.2, ["first"]), r"lots of tax are \['first'\]: use one of average, highest, first"),
)
def test_what_is_of_another_kind_is_refused_in_a_sentence(make: Callable[[], object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()


def test_rates_in_basis_points_are_given_by_name() -> None:
    with pytest.raises(TypeError, match="positional"):
        Costs.bps(2, 1, 5)  # type: ignore[misc]


def test_impact_of_a_line_each_is_the_same_from_a_list_an_array_or_a_tuple() -> None:
    assert Impact([1, 2]) == Impact(np.array([1.0, 2.0])) == Impact((1.0, 2.0))  # type: ignore[arg-type]


def test_what_other_libraries_give_as_fractions_is_warned_of() -> None:
    with pytest.warns(UserWarning, match=r"commission is 0\.001 basis points\. If that is a fraction .*, give 10\."):
        costs = Costs.bps(2, commission=0.001)
    assert costs.total.tolist() == pytest.approx([1e-7, 1e-7])
