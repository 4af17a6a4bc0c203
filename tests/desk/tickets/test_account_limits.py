"""Limits of an account's own: its list is that of a portfolio file that states them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from drawn_lists import outcome
from hypothesis import Phase, given, settings
from hypothesis import strategies as some

from desk.tickets.account_lots import read_account_lots, rows_of
from desk.tickets.accounts import Model, account_of
from desk.tickets.accounts_file import AccountsFile
from foundation.errors import ConfigError
from research.orders import trade_list
from research.portfolio import load_portfolio
from research.rules import Threshold

EXAMPLES = Path(__file__).parents[3] / "data/examples"
LIMITED, PLAIN = EXAMPLES / "orders_within_limits.yaml", EXAMPLES.parent / "portfolios/sixty_forty.yaml"
NO_VOLUMES = PLAIN.with_name("port_a_techgrowth_simulated.yaml")
KEYS = {"minimum_trade": "limits.minimum_trade"}  # the others stand under `orders`
LIMITS = some.fixed_dictionaries(
    {},
    optional={
        "reserve_bps": some.sampled_from(["0", "25", "300.5"]),
        "most": some.sampled_from(["1", "2", "3"]),
        "turnover": some.sampled_from(["0.004", "0.02", "0.3"]),
        "participation": some.sampled_from(["0.0005", "0.01", "1"]),
        "minimum_trade": some.sampled_from(["0", "900", "25000.50"]),
    },
)


@pytest.fixture(scope="module")
def model() -> Model:
    portfolio = load_portfolio(LIMITED)
    return Model.of(portfolio, Threshold(portfolio.strategic, 0.01), "band")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("limits")


def file_of(folder: Path, cells: dict[str, Any]) -> AccountsFile:
    """A file of one account."""
    (folder / "a.csv").write_text("\n".join([",".join(cells), ",".join(map(str, cells.values())), ""]))
    return AccountsFile.read(folder / "a.csv")


@settings(max_examples=40, phases=[Phase.generate])
@given(limits=LIMITS, cash=some.integers(1_000, 30_000), move=some.tuples(*[some.floats(0.85, 1.04)] * 3))
def test_an_account_has_the_list_of_a_portfolio_file_with_its_limits(
    model: Model, folder: Path, limits: dict[str, str], cash: int, move: tuple[float, float, float]
) -> None:
    held = {"SPY": 1_000, "QQQ": 400, "VEA": 4_300, "AGG": 2_500, "GLD": 620}  # QQQ and GLD do not trade freely
    held |= {asset: int(held[asset] * by) for asset, by in zip(("SPY", "VEA", "AGG"), move, strict=True)}
    stated = {KEYS.get(name, f"orders.{name}"): float(value) for name, value in limits.items()}
    stated |= {"orders.most": int(limits["most"])} if "most" in limits else {}
    alone = load_portfolio(LIMITED, {**stated, "cash": cash, **{f"lines.{a}.shares": n for a, n in held.items()}})
    wanted = outcome(lambda: trade_list(alone, Threshold(alone.strategic, 0.01), "band", greedy=True))

    file = file_of(folder, {"account": "a", "model": "m", "cash": cash, **limits, **held})
    found = outcome(lambda: model.trades(account_of(file, next(file.rows()), lambda _: model)[1]))
    if isinstance(wanted, str) or isinstance(found, str):
        assert found == wanted
        return
    pd.testing.assert_frame_equal(found.orders, wanted.orders, check_exact=True)
    assert (found.facts, found.binding, found.reason) == (wanted.facts, wanted.binding, wanted.reason)


def test_the_gain_budget_of_an_account_stands_in_place_of_its_models(folder: Path) -> None:
    held = {"SPY": 400, "AGG": 100}
    lots = [{"date": "2015-03-02", "units": 400, "price": 150.0}]
    (folder / "lots.csv").write_text("account,asset,date,units,price\na,SPY,2015-03-02,400,150.0\n")
    lines = {**{f"lines.{a}.shares": n for a, n in held.items()}, "lines.SPY.tax_lots": lots, "cash": 100}
    of_file = load_portfolio(PLAIN, {"tax": {"rate": 0.25, "gain_budget": 50_000.0}})
    model = Model.of(of_file, Threshold(of_file.strategic, 0.01), "band")
    sold = []
    for budget in ("", "0", "2500.00"):
        tax = {"rate": 0.25, "gain_budget": float(budget or 50_000)}
        alone = load_portfolio(PLAIN, {**lines, "tax": tax})
        wanted = trade_list(alone, Threshold(alone.strategic, 0.01), "band", greedy=True)
        file = file_of(folder, {"account": "a", "model": "m", "cash": 100, "gain_budget": budget, **held})
        rows, by_account = read_account_lots(folder / "lots.csv", {"a": None})
        with_lots = replace(file, lots=rows)
        _, account = account_of(with_lots, next(file.rows()), lambda _: model, rows_of(by_account["a"]))
        found = model.trades(account)
        pd.testing.assert_frame_equal(found.orders, wanted.orders, check_exact=True)
        sold.append(found.orders.loc[found.orders["side"] == "sell", "units"].sum())
    assert sold[0] > sold[2] > sold[1] == 0.0


REFUSED = {
    "most": [("0", "out of bounds", "at least 1"), ("2.5", "not a whole number", "at least 1")],
    "turnover": [("0", "out of bounds", "above 0"), ("1.5", "out of bounds", "5 % is 0.05")],
    "reserve_bps": [
        ("6000", "out of bounds", "at most 5,000"),
        ("x", "not a number", "plain number"),
        ("-1", "a negative limit", "at least 0"),
    ],
    "minimum_trade": [("-1", "a negative limit", "at least 0"), ("1.000", "a thousand with a point", "Write 1000")],
    "participation": [("0.1", "volumes that the model lacks", "leave the cell empty")],
    "gain_budget": [("10", "without tax lots", "leave the cell empty"), ("-5", "without tax lots", "leave the cell")],
}


@pytest.mark.parametrize(
    ("column", "cell", "what", "fix"),
    [pytest.param(column, *of, id=f"{column} {of[0]}") for column, each in REFUSED.items() for of in each],
)
def test_a_limit_that_is_none_is_told_with_its_column(
    column: str, cell: str, what: str, fix: str, folder: Path
) -> None:
    portfolio = load_portfolio(NO_VOLUMES)
    model = Model.of(portfolio, Threshold(portfolio.strategic, 0.01), "band")
    held = dict.fromkeys(portfolio.market.assets, "")
    file = file_of(folder, {"account": "a", "model": "m", "cash": 100, column: cell, **held})
    with pytest.raises(ConfigError) as raised:
        account_of(file, next(file.rows()), lambda _: model)
    assert len(raised.value.findings) == 1
    for words in (f"column {column!r}: ", what, f"found {cell!r}", fix):
        assert words in str(raised.value)


def test_each_limit_of_a_row_is_judged_whatever_the_others_say(model: Model, folder: Path) -> None:
    held = dict.fromkeys(model.portfolio.market.assets, "")
    wrong = {"reserve_bps": "x", "most": "0", "turnover": "5%", "minimum_trade": "-1"}
    file = file_of(folder, {"account": "a", "model": "m", "cash": 100, **wrong, **held})
    with pytest.raises(ConfigError) as raised:
        account_of(file, next(file.rows()), lambda _: model)
    assert [fault.place.rpartition("'")[0].rpartition("'")[2] for fault in raised.value.findings] == list(wrong)
