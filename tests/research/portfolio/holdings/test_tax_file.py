"""Tax lots and rules of a portfolio file: where each value goes, and every mistake with its place."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from cases import cases

from foundation.errors import ConfigError
from research.accounting import Tax
from research.portfolio import TaxLot, TaxLots, TaxRules, load_portfolio

SPY = [{"date": "2020-03-02", "units": 60, "price": 300.0}, {"date": "2022-06-01", "units": 40, "price": 410.5}]
TAX = {
    "rate": 0.2,
    "short_rate": 0.37,
    "long_after": 366,
    "lots": "tax_minimal",
    "gain_budget": 5_000,
    "realised": -250.5,
    "wash_sale_days": 30,
    "sold_at_loss": {"AGG": "2022-12-15"},
    "substitutes": {"SPY": "VTI"},
    "harvest": 500,
}


def test_every_value_is_where_it_belongs(write: Any) -> None:
    got = load_portfolio(write(), {"lines.SPY.tax_lots": SPY, "tax": TAX})
    assert got.tax_lots == TaxLots(
        rules=TaxRules(0.2, 0.37, "tax_minimal", 366, 5_000.0, -250.5, 30, {"SPY": "VTI"}, 500.0),
        lots=((TaxLot(pd.Timestamp("2020-03-02"), 60.0, 300.0), TaxLot(pd.Timestamp("2022-06-01"), 40.0, 410.5)), ()),
        sold_at_loss={"AGG": pd.Timestamp("2022-12-15")},
    )
    assert got.costs.tax == Tax(0.2, "tax_minimal", 0.37, 366)
    whole = load_portfolio(write(), {"tax": {"rate": 0.2, "loss_limit": 3_000, "at_end": "liquidate"}})
    assert (whole.tax_lots, whole.costs.tax) == (None, Tax(0.2, loss_limit=3_000.0, at_end="liquidate"))
    both = load_portfolio(write(), {"lines.SPY.tax_lots": SPY, "tax": TAX | {"harvest_above": 0.05}})
    assert both.tax_lots.rules == replace(got.tax_lots.rules, harvest_above=0.05)
    assert both.costs.tax == Tax(0.2, "tax_minimal", 0.37, 366, harvest_above=0.05, harvest=500.0, wash_sale_days=30)
    alone = load_portfolio(write(), {"tax": {"rate": 0.2, "harvest_above": 0.05}})
    assert (alone.tax_lots, alone.costs.tax) == (None, Tax(0.2, harvest_above=0.05))


def test_rules_have_defaults(write: Any) -> None:
    got = load_portfolio(write(), {"lines.SPY.tax_lots": SPY, "tax": {"rate": 0.25}})
    assert got.tax_lots.rules == TaxRules(rate=0.25, short_rate=0.25)


def test_file_without_lots_and_rules_is_as_before(write: Any) -> None:
    assert load_portfolio(write()).tax_lots is None
    taxed = load_portfolio(write(), {"tax": {"rate": 0.25, "lots": "first"}})
    assert (taxed.tax_lots, taxed.costs.tax) == (None, Tax(0.25, "first"))
    assert "tax" not in load_portfolio(write()).settings
    assert taxed.settings["tax"] == {"rate": 0.25, "lots": "first"}


def test_settings_give_the_same_lots_again(write: Any, again: Any) -> None:
    got = load_portfolio(write(), {"lines.SPY.tax_lots": SPY, "tax": TAX})
    assert again(got).tax_lots == got.tax_lots


def test_dates_given_in_python_are_settings_as_text(write: Any) -> None:
    lots = [{"date": pd.Timestamp("2020-03-02"), "units": 100, "price": 300}]
    got = load_portfolio(write(), {"lines.SPY.tax_lots": lots, "tax": {"rate": 0.2}})
    assert got.settings["lines"]["SPY"]["tax_lots"][0]["date"] == "2020-03-02"


def test_all_mistakes_of_the_lots_are_told_at_once(write: Any) -> None:
    wrong = [
        {"date": "2023-01-05", "units": -1, "price": True},
        {"date": "2020-03-02", "units": 5},
        {"date": "March", "units": 5, "price": -3},
    ]
    with pytest.raises(ConfigError) as told:
        load_portfolio(
            write(), {"lines.SPY.tax_lots": SPY[:1], "lines.AGG": {"holdings": None, "shares": 250, "tax_lots": wrong},
                      "tax.rate": 0.2}
        )  # fmt: skip
    lines = str(told.value).splitlines()
    starts = [
        "lines.AGG.tax_lots.0.units: out of bounds",
        "lines.AGG.tax_lots.0.price: not a number",
        "lines.AGG.tax_lots.1.price: missing",
        "lines.AGG.tax_lots.2.date: not a date",
        "lines.AGG.tax_lots.2.price: out of bounds",
    ]
    assert [line.partition(" (")[0] for line in lines] == starts


def test_lots_that_are_not_the_holding_and_late_ones_are_told_at_once(write: Any) -> None:
    late = [{"date": "2023-01-05", "units": 250, "price": 90}]
    with pytest.raises(ConfigError) as told:
        load_portfolio(
            write(), {"lines.SPY.tax_lots": SPY[:1], "lines.AGG": {"holdings": None, "shares": 250, "tax_lots": late},
                      "tax.rate": 0.2}
        )  # fmt: skip
    first, second = str(told.value).splitlines()
    assert first.startswith("lines.SPY.tax_lots: the lots of SPY sum to 60 units, and its shares are 100")
    assert first.endswith("Add 40 units, or correct the shares.")
    assert second.startswith("lines.AGG.tax_lots.0.date: lies after the session that follows the last prices")


@cases(
    "overrides, said",
    ({"lines.SPY.tax_lots": SPY}, "lines.SPY.tax_lots: lots without a tax rate"),
    ({"lines.AGG.tax_lots": SPY, "tax.rate": 0.2}, "lines.AGG.tax_lots: AGG states holdings and no shares"),
    ({"lines.SPY.tax_lots": 5, "tax.rate": 0.2}, "lines.SPY.tax_lots: not a list ("),
    ({"tax": TAX | {"lots": "lowest"}}, "Use average, highest, first, tax_minimal"),
    ({"tax": TAX | {"short_rate": 1.5}}, "tax.short_rate: out of bounds"),
    ({"tax": TAX | {"gain_budget": -1}}, "tax.gain_budget: out of bounds"),
    ({"tax": {"rate": 0.2, "realised": 5}}, "tax.realised: gains of this year without a budget"),
    ({"tax": {"rate": 0.2, "sold_at_loss": {"SPY": "2022-12-01"}}}, "sales at a loss without a window"),
    ({"tax": TAX | {"sold_at_loss": {"SPX": "2022-12-01"}}}, "tax.sold_at_loss.SPX: no asset of the portfolio"),
    ({"tax": TAX | {"sold_at_loss": {"SPY": "2023-12-01"}}}, "lies after the session that follows the last prices"),
    ({"tax": TAX | {"substitutes": {"SPX": "VTI"}}}, "tax.substitutes.SPX: no asset of the portfolio"),
    ({"tax": TAX | {"substitutes": {"SPY": "SPY"}}}, "an asset in place of itself"),
    ({"tax": TAX | {"long_after": "month"}}, "Use year, or write a whole number"),
    ({"lines.SPY.tax_lots": [SPY[0] | {"account": "ira"}], "tax.rate": 0.2}, "the portfolio has no accounts"),
    ({"tax": TAX | {"wash_sale_days": 0}}, "tax.wash_sale_days: out of bounds"),
    ({"tax": {"rates": 0.2}}, "tax.rates: unknown key"),
    ({"tax": {"harvest": 100}}, "tax.rate: missing"),
    ({"tax": {"harvest_above": 0.05}}, "tax.rate: missing"),
    ({"tax": TAX | {"harvest_above": 1.0}}, "tax.harvest_above: out of bounds"),
    ({"tax": TAX | {"harvest_above": 0}}, "tax.harvest_above: out of bounds"),
    ({"tax": {"rate": 0, "harvest_above": 0.05}}, "tax.harvest_above: harvests of losses that save no tax"),
)
def test_wrong_value_is_refused(write: Any, overrides: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as told:
        load_portfolio(write(), overrides)
    assert said in str(told.value)


# -- accounts ----------------------------------------------------------------------------------------------------------

BESIDE = {key: None for key in ("cash", "lines.SPY.shares", "lines.AGG.holdings", "lines.AGG.shares")}
ACCOUNTS = {
    "t1": {"kind": "taxable", "cash": 0, "shares": {"SPY": 60}},
    "t2": {"kind": "taxable", "cash": 0, "shares": {"SPY": 40}},
    "ira": {"kind": "sheltered", "cash": 1_000, "shares": {"SPY": 10, "AGG": 100}},
}


def lots_of(*accounts: str, **changes: Any) -> list[dict[str, Any]]:
    found = [dict(lot) | ({"account": name} if name else {}) for lot, name in zip(SPY, accounts, strict=False)]
    return [
        *found,
        *({"date": "2022-12-20", "units": 8, "price": 380.0, "account": "ira"} | changes for _ in accounts[2:]),
    ]


def loaded(write: Any, lots: Any, accounts: Any = ACCOUNTS) -> TaxLots:
    document = BESIDE | {"accounts": accounts, "lines.SPY.tax_lots": lots, "tax": {"rate": 0.2, "wash_sale_days": 30}}
    got = load_portfolio(write(), document).tax_lots
    assert got is not None
    return got


def test_lots_are_those_of_their_accounts(write: Any) -> None:
    got = loaded(write, lots_of("t1", "t2", "ira"))
    assert [(lot.account, lot.units) for lot in got.lots[0]] == [("t1", 60.0), ("t2", 40.0)]
    assert [(lot.account, lot.units) for lot in got.sheltered[0]] == [("ira", 8.0)]
    assert got.lots[1] == got.sheltered[1] == ()


@cases(
    "units, shares, scaled",
    ((60.06, 40.063), 100.1234, (60.06023993527961, 40.06316006472039)),  # by 0.0004, and the last digit is 0.001
    ((60.06, 40.063), 100.1226, (60.05976006, 40.06283994)),
    ((60.06, 40.063), 100.124, None),
    ((60.0, 40.0), 100.4, None),  # whole units are not rounded
)
def test_lots_that_miss_the_units_by_less_than_their_last_digit_are_scaled_and_noted(
    write: Any, units: tuple[float, float], shares: float, scaled: tuple[float, float] | None
) -> None:
    lots = [{"date": "2018-03-01", "units": each, "price": 268} for each in units]
    given = {"lines.SPY.tax_lots": lots, "lines.SPY.shares": shares, "lines.SPY.fractional": True, "tax.rate": 0.2}
    if scaled is None:
        with pytest.raises(ConfigError, match="the lots of SPY sum to"):
            load_portfolio(write(), given)
        return
    got = load_portfolio(write(), given)
    assert got.tax_lots is not None
    assert [lot.units for lot in got.tax_lots.lots[0]] == pytest.approx(scaled, rel=1e-9)
    (note,) = (note for note in got.notes if "lots of SPY" in note)
    assert f"sum to 100.123 units, and its units are {shares:.10g}" in note


def test_lots_of_the_only_taxable_account_that_holds_a_line_need_not_name_it(write: Any) -> None:
    one = ACCOUNTS | {
        "t1": {"kind": "taxable", "cash": 0, "shares": {"SPY": 100}},
        "t2": {"kind": "taxable", "cash": 5},
    }
    assert [lot.account for lot in loaded(write, lots_of("", ""), one).lots[0]] == ["t1", "t1"]


@cases(
    "lots, said",
    (lots_of("", ""), ["0: of the taxable accounts t1 60 and t2 40 hold SPY, and the lot does not say which",
                       "1: of the taxable accounts t1 60 and t2 40 hold SPY, and the lot does not say which"]),
    (lots_of("t1", "t3"), ["1.account: no account of the portfolio"]),
    (lots_of("t2", "t1"), ["the lots of SPY in t1 sum to 40 units, and its shares are 60",
                           "the lots of SPY in t2 sum to 60 units, and its shares are 40"]),
    (lots_of("t1", "t2", "ira", units=11), ["the lots of SPY in ira sum to 11 units, and its shares are 10"]),
)  # fmt: skip
def test_lots_of_no_account_or_of_another_are_refused(write: Any, lots: Any, said: list[str]) -> None:
    with pytest.raises(ConfigError) as told:
        loaded(write, lots)
    lines = str(told.value).splitlines()
    assert len(lines) == len(said)
    assert all(words in line for line, words in zip(lines, said, strict=True))


def test_lots_bought_on_the_day_on_which_orders_trade_are_read(write: Any) -> None:
    lots = [SPY[0], SPY[1] | {"date": "2022-12-30"}]
    got = load_portfolio(write(), {"lines.SPY.tax_lots": lots, "tax": {"rate": 0.2}})
    assert (got.date, got.trade_day) == (pd.Timestamp("2022-12-29"), pd.Timestamp("2022-12-30"))
