"""Holdings of a portfolio file from files beside it: a broker's positions, and prices."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from cases import cases

from desk.tickets.ticket import make_ticket
from foundation.errors import ConfigError
from research.orders import Request, trade_list
from research.portfolio import Portfolio, load_portfolio
from research.rules import Never

POSITIONS = 'Symbol,Quantity,Market Value\nSPY,110,42000\nAGG,35,3400\nCash & Cash Investments,--,"$2,000.25"\n'


TO_TARGET = Request(to_target=True)


def loaded(path: Path, text: str, overrides: dict[str, Any] | None = None) -> Portfolio:
    (path.parent / "positions.csv").write_text(text, encoding="utf-8")
    return load_portfolio(path, {"positions": {"file": "positions.csv"}, **(overrides or {})})


def refused(path: Path, text: str, overrides: dict[str, Any] | None = None) -> str:
    with pytest.raises(ConfigError) as error:
        loaded(path, text, overrides)
    return str(error.value)


def test_units_and_cash_of_the_file_replace_those_of_the_portfolio(write: Any) -> None:
    got = loaded(write(), POSITIONS)
    assert (got.shares.tolist(), got.cash) == ([110.0, 35.0], 2_000.25)
    np.testing.assert_array_equal(got.holdings, got.shares * got.market.prices[-1])
    assert (
        "AGG: 35 units are no whole number of lots of 10: the odd 5 are only sold where the whole asset is."
        in got.notes
    )


def test_a_line_that_the_file_lacks_is_asked_about(write: Any) -> None:
    half = "Symbol,Quantity\nSPY,110\nUSD,5\n"
    said = refused(write(), half)
    assert "positions.csv has no row of AGG: found 1 of 2 assets. A part of the export may be missing." in said
    assert "`--not-held AGG`, or `positions: {not_held: [AGG]}` in the portfolio file" in said
    assert "not an asset of the portfolio" in refused(write(), half, {"positions.not_held": ["AGH"]})
    got = loaded(write(), half, {"positions.not_held": ["AGG"]})
    assert (got.shares.tolist(), got.cash) == ([110.0, 0.0], 5.0)
    assert got.notes[-1] == "positions.csv does not hold AGG: zero units are taken."


def test_holdings_and_cash_may_be_left_out_beside_positions(write: Any, tmp_path: Path) -> None:
    content = yaml.safe_load(write().read_text(encoding="utf-8"))
    del content["cash"], content["lines"]["SPY"]["shares"], content["lines"]["AGG"]["holdings"]
    (tmp_path / "desk.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    assert loaded(tmp_path / "desk.yaml", POSITIONS).cash == 2_000.25
    said = refused(tmp_path / "desk.yaml", "Symbol,Quantity\nSPY,110\nAGG,0\n")
    assert said.startswith("cash: positions.csv has no row of cash")
    assert "Add `cash:` to the portfolio file" in said


def test_cash_stays_where_the_file_has_none_and_that_is_said(write: Any) -> None:
    rows = "Symbol,Quantity\nSPY,110\nAGG,30\n"
    assert "Give the cash beside these holdings, --cash AMOUNT" in refused(write(), rows)
    got = loaded(write(), rows, {"cash": 1_000.50})
    assert got.cash == 1_000.50
    assert got.notes == ("positions.csv has no row of cash: that which is given beside it is taken.",)


def test_a_line_without_a_quote_is_held_by_its_value(write: Any) -> None:
    path = write("AGG: {target", "COM: {asset_class: bonds, target")
    got = loaded(path, "Symbol,Quantity,Value\nSPY,1,383\nCOM,10,310.5\nUSD,5,5\n")
    assert (got.holdings[1], np.isnan(got.shares[1])) == (310.5, True)
    said = refused(path, "Symbol,Quantity\nSPY,0\nCOM,10\nUSD,5\n")
    assert "COM has no quote, and positions.csv has no value of it" in said
    (path.parent / "prices.csv").write_text("asset,price\nCOM,31\n")
    priced = loaded(path, "Symbol,Quantity\nSPY,0\nCOM,10\nUSD,5\n", {"prices": "prices.csv"})
    assert (priced.holdings[1], priced.shares[1]) == (310.0, 10.0)


def test_a_price_file_values_the_holdings(write: Any) -> None:
    path = write()
    (path.parent / "prices.csv").write_text("asset,price,date\nSPY,400,2022-12-30\n")
    got = load_portfolio(path, {"prices": "prices.csv"})
    assert got.holdings.tolist() == [40_000.0, 25_000.0]
    assert got.table()["price"].iloc[:2].tolist() == [400.0, got.market.prices[-1, 1]]
    assert got.prices.sources == ("price file", "market close")
    assert got.market.fingerprint == load_portfolio(path).market.fingerprint  # history is what it was


@cases(
    "overrides, said",
    ({"positions.fil": "x"}, "positions.fil: unknown key"),
    ({"positions.columns": {"assets": "Symbol"}}, "positions.columns.assets: no field of positions"),
    ({"positions.symbols": {"X": "QQQ"}}, "positions.symbols.X: neither an asset of the portfolio nor cash or ignore"),
    ({"positions.decimal": ";"}, "positions.decimal: no decimal sign"),
    ({"positions.file": "nowhere.csv"}, "nowhere.csv cannot be read (no such file or directory)"),
    ({"prices": "nowhere.csv"}, "prices, or --prices (given beside desk.yaml): nowhere.csv cannot be read"),
)
def test_wrong_keys_are_named(
    write: Any, overrides: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write().parent)
    assert said in refused(Path("desk.yaml"), POSITIONS, overrides)


def test_mistakes_of_the_file_name_its_key(write: Any) -> None:
    path = write("cash: 1_000.50\n", "cash: 1_000.50\npositions: {file: positions.csv}\n")
    said = refused(path, "Symbol,Quantity\nSPX,110\nAGG,-3\n")
    head = f"positions, or --positions (given beside {path}): positions.csv has 2 mistakes:\n- positions.csv, row 2, "
    assert said.startswith(head)
    negative = "Symbol,Quantity,Value\nSPY,110,42000\nAGG,0,0\nCash,,(55.10)\n"
    assert "positions.csv has negative cash, which a portfolio does not hold" in refused(path, negative)


def test_units_far_from_their_value_are_refused_all_at_once(write: Any) -> None:
    """A separator of thousands that is read as a decimal point, and ten times the units."""
    text = "Symbol,Quantity,Market Value\nSPY,1.250,479300\nAGG,350,3410.75\nUSD,5,5\n"
    said = refused(write(), text)
    look = "Look for a wrong number of units (which sign stands before decimals?), a split or a wrong price."
    assert said.splitlines()[0].endswith("positions.csv has 2 mistakes:")
    assert said.splitlines()[1:] == [
        "- positions.csv, row 2: 1.25 units of SPY are worth 479.30 at the price of this list, 383.44, and the file "
        f"says 479,300.00. {look}",
        "- positions.csv, row 3: 350 units of AGG are worth 34,107.50 at the price of this list, 97.45, and the file "
        f"says 3,410.75. {look}",
        "Where they are right all the same, say so: `--accept SPY,AGG`, or `prices_ok: [SPY, AGG]` in the portfolio "
        "file.",
    ]
    got = loaded(write(), text, {"prices_ok": ["SPY", "AGG"]})
    assert got.shares.tolist() == [1.25, 350.0]
    assert sum("check its units and its price" in note for note in got.notes) == 2
    assert got.settings["prices_ok"] == ["SPY", "AGG"]
    assert "prices_ok: not an asset of the portfolio, nor a pair of currencies" in refused(
        write(), text, {"prices_ok": ["SPX"]}
    )


def test_mistakes_of_positions_and_of_prices_are_told_at_once(write: Any) -> None:
    path = write()
    (path.parent / "prices.csv").write_text("asset,price\nSPY,38.4\n")
    said = refused(path, "Symbol,Quantity\nSPX,1\n", {"prices": "prices.csv"})
    assert "not an asset of the portfolio: found 'SPX'" in said
    assert "the price of SPY is −90 % from the last close" in said


def test_value_near_that_of_the_list_is_noted(write: Any) -> None:
    got = loaded(write(), "Symbol,Quantity,Market Value\nSPY,110,52000\nAGG,35,3400\nUSD,5,5\n")
    (note,) = [note for note in got.notes if "check its units" in note]
    assert note == (
        "positions.csv, row 2: SPY is worth 52,000.00 there, and 42,178.40 at the price of this list, 18.9 % less: "
        "check its units and its price, and look for a split."
    )


def test_orders_of_several_accounts_name_each_only_where_the_file_states_them(write: Any) -> None:
    text = "Account,Symbol,Quantity\nZ1,SPY,110\nZ2,AGG,30\nZ1,USD,5\nZ2,USD,5\n"
    said = "positions.csv has 2 accounts, Z1, Z2, and {}: state `accounts:` for orders of each."
    assert said.format("no order names one") in loaded(write(), text).notes
    block = loaded(write(), text, {"ticket.account": "B7"})
    assert said.format("every order names B7, as `ticket` says") in block.notes
    assert "ticket.account: the orders of all 2 accounts of positions.csv, Z1, Z2, would name one of them" in refused(
        write(), text, {"ticket.account": "Z2"}
    )
    beside = {"cash": None, "lines.SPY.shares": None, "lines.AGG.holdings": None}
    stated = {"Z1": {"kind": "taxable"}, "ira": {"kind": "sheltered", "number": "Z2"}}
    got = loaded(write(), text, beside | {"accounts": stated})
    assert not any("state `accounts:`" in note for note in got.notes)
    orders = make_ticket(trade_list(got, Never(got.strategic), request=TO_TARGET)).orders
    assert {order.account for order in orders} == {"Z1"}  # which alone holds what is over its target


def test_the_example_holds_what_its_portfolio_file_states() -> None:
    stated = load_portfolio("data/portfolios/sixty_forty.yaml")
    got = load_portfolio("data/portfolios/sixty_forty.yaml", {"positions.file": "positions.csv"})
    assert (got.shares.tolist(), got.cash) == (stated.shares.tolist(), stated.cash)
