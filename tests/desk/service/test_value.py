"""The value of a portfolio: periods against sums by hand, and no past for what nothing is known of."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from desk.commands.orders import book as books
from desk.service.portfolios.value import CLASSES, OTHER_PARTS, Earlier, _parts, past_of, periods_of, value_of
from foundation.arrays import frozen
from research.market.calendars import sessions
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.holdings.book_file import read_book, write_book
from research.portfolio.holdings.cash_entries import CashEntry
from research.portfolio.holdings.nav_history import NavHistory

NOW = "2022-06-01T15:00:00+00:00"
DAYS = sessions(np.datetime64("2022-01-03"), np.datetime64("2022-03-31"), "XNYS")
CLOSES = {"A": 100.0 + np.arange(len(DAYS)), "B": np.full(len(DAYS), 50.0)}
SETTINGS: dict[str, Any] = {
    "name": "Valued",
    "market": {"file": "prices.csv", "quotes": "prices.csv", "cash": 0.0, "calendar": "XNYS", "currency": "USD"},
    "basis": "USD",
    "cash": 500,
    "last_trade": "2022-01-04",
    "lines": {
        "A": {"asset_class": "us_equity", "target": 0.5, "range": [0, 1], "shares": 10},
        "B": {"asset_class": "bonds", "target": 0.5, "range": [0, 1], "shares": 20},
    },
    "costs": {name: {"commission_bps": 5, "half_spread_bps": 2} for name in ("us_equity", "bonds")},
    "test_start": "2022-02-01",
    "policies": {"never": {"rule": "never"}},
    "policy": "never",
    "reference": "never",
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A portfolio of 10 units of A, whose price rises by 1 a session, 20 units of B at 50, and 500 USD."""
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "home"))
    rows = zip(DAYS.astype(str), *CLOSES.values(), strict=True)
    (tmp_path / "prices.csv").write_text("\n".join(["date,A,B", *(",".join(map(str, row)) for row in rows)]))
    made = tmp_path / "valued.yaml"
    made.write_text(yaml.safe_dump(SETTINGS, sort_keys=False))
    return made


@pytest.fixture
def portfolio(file: Path) -> Portfolio:
    return load_portfolio(file)


def test_periods_are_those_of_a_history_with_money_that_came() -> None:
    days = np.array(["2020-12-30", "2021-06-01", "2022-05-31", "2022-06-30", "2022-07-01"], "datetime64[D]")
    past = Earlier(days, np.array([100.0, 110.0, 160.0, 176.0, 158.4]), np.array([0.0, 0.0, 50.0, 0.0, 0.0]), "")
    # +10 %; 50 that came and earned nothing; +10 %; −10 %
    found = {each.name: (each.since, each.gain, each.earned) for each in periods_of(past)}
    assert found == {
        "since the close before": ("2022-06-30", pytest.approx(-17.6), pytest.approx(-0.10)),
        "this year": ("2021-06-01", pytest.approx(158.4 - 110.0 - 50.0), pytest.approx(1.1 * 0.9 - 1.0)),
        "1 month": ("2022-05-31", pytest.approx(-1.6), pytest.approx(1.1 * 0.9 - 1.0)),
        "1 year": ("2021-06-01", pytest.approx(-1.6), pytest.approx(1.1 * 0.9 - 1.0)),
        "all": ("2020-12-30", pytest.approx(8.4), pytest.approx(1.1 * 1.1 * 0.9 - 1.0)),
    }
    assert [each.name for each in periods_of(past) if each.line] == ["1 month", "1 year", "all"]


def test_a_day_without_value_hides_the_return_of_no_later_period() -> None:
    days = np.array(["2022-05-02", "2022-05-03", "2022-05-31", "2022-06-30", "2022-07-01"], "datetime64[D]")
    past = Earlier(days, np.array([0.0, 0.0, 100.0, 110.0, 121.0]), np.array([0.0, 0.0, 100.0, 0.0, 0.0]), "")
    found = {each.name: each.earned for each in periods_of(past)}
    assert found == {"since the close before": pytest.approx(0.1), "1 month": pytest.approx(0.21), "all": None}


def test_a_record_of_one_close_has_no_periods() -> None:
    assert not [*periods_of(Earlier(DAYS[:1], np.ones(1), np.zeros(1), ""))]


def test_a_history_of_net_asset_value_is_the_past(portfolio: Portfolio) -> None:
    last = len(DAYS) - 1
    history = NavHistory(last - 2, frozen(np.array([2_500.0, 2_600.0])), frozen(np.array([0.0, 50.0, -10.0])))
    past = past_of(replace(portfolio, nav_history=history), NOW, NOW)
    assert isinstance(past, Earlier)
    assert past.days.tolist() == DAYS[-3:].tolist()
    assert past.nav.tolist() == [2_500.0, 2_600.0, portfolio.nav]
    assert past.growth(0)[-1] == pytest.approx((2_600 - 50) / 2_500 * (portfolio.nav + 10) / 2_600)
    other = NavHistory(last - 1, frozen(np.array([9_000.0])), frozen(np.zeros(2)))
    assert "more than 20 % apart" in str(past_of(replace(portfolio, nav_history=other), NOW, NOW))


def test_a_book_is_the_past_with_its_deposits_as_flows(file: Path) -> None:
    opened = str(DAYS[40])
    books.open_from(file, "valued", as_of=opened)
    lines = {name: {k: v for k, v in line.items() if k != "shares"} for name, line in SETTINGS["lines"].items()}
    read = {key: value for key, value in SETTINGS.items() if key != "cash"} | {"positions": {"book": "valued"}}
    file.write_text(yaml.safe_dump(read | {"lines": lines}, sort_keys=False))
    book = read_book("valued")
    came = CashEntry("1", "deposit", date.fromisoformat(str(DAYS[45])), "", "USD", Decimal(1_000))
    write_book(replace(book, entries=(*book.entries, came)), datetime(2022, 5, 1))
    past = past_of(load_portfolio(file), NOW, NOW)
    assert isinstance(past, Earlier)
    assert past.nav == pytest.approx(10 * CLOSES["A"][40:] + 1_000 + 500 + 1_000 * (np.arange(40, len(DAYS)) >= 45))
    whole = {each.name: each for each in periods_of(past)}["all"]
    assert whole.gain == pytest.approx(10.0 * (len(DAYS) - 1 - 40))
    assert past.said == "By its book."


def test_units_of_a_file_are_never_held_before_they_were_written(portfolio: Portfolio) -> None:
    later = value_of(portfolio, portfolio.target, NOW, NOW)
    assert later.periods == []
    assert later.past.startswith("Since you entered it on 2022-06-01: it has no book and no history of net asset value")
    entered, changed = (f"{DAYS[k]}T15:00:00+00:00" for k in (10, 50))
    past = past_of(portfolio, entered, changed)
    assert isinstance(past, Earlier)
    assert past.days[0] == DAYS[50]
    assert past.nav == pytest.approx(10 * CLOSES["A"][50:] + 1_000 + 500)
    assert past.said == f"Since you entered it on {DAYS[10]}, and by the units that you wrote on {DAYS[50]}."
    assert {each.since for each in periods_of(past)} == {str(DAYS[50]), str(DAYS[-2])}


def test_an_asset_without_units_or_a_price_leaves_a_file_without_a_past(portfolio: Portfolio) -> None:
    entered = f"{DAYS[10]}T12:00:00+00:00"
    assert isinstance(past_of(portfolio, entered, entered), Earlier)
    amount = replace(portfolio, shares=np.array([np.nan, 20.0]))
    assert "so nothing before is known" in str(past_of(amount, entered, entered))
    returns, tradable, prices = (getattr(portfolio.market, name).copy() for name in ("returns", "tradable", "prices"))
    returns[-1, 0], tradable[-1, 0], prices[-1, 0] = -1.0, False, np.nan
    left = np.array([DAYS[-1], "NaT"], "datetime64[us]")
    table = portfolio.market.instruments.assign(delisted=left, delisting_return=[-1.0, np.nan])
    market = replace(portfolio.market, returns=returns, tradable=tradable, prices=prices, instruments=table)
    assert "so nothing before is known" in str(past_of(replace(portfolio, market=market), entered, entered))


def test_value_is_indicative_at_quotes_that_are_kept_and_later_than_the_close(
    portfolio: Portfolio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBALANCE_DATA", str(tmp_path / "stores"))
    folder = tmp_path / "stores" / "yahoo"
    folder.mkdir(parents=True)
    of_source = replace(portfolio, settings=portfolio.settings | {"market": {"source": "yahoo"}})
    entered = f"{DAYS[50]}T15:00:00+00:00"
    heads = "asset,price,date,currency,quoted at,source\n"
    (folder / "quotes-20220401T150000Z.csv").write_text(
        f"{heads}A,170,2022-04-01,USD,2022-04-01T15:00:00Z,yahoo\nB,51,2022-04-01,USD,2022-04-01T14:59:00Z,yahoo\n"
    )
    found = value_of(of_source, portfolio.target, entered, entered)
    assert (found.nav, found.day, found.moment) == (10 * 170 + 20 * 51 + 500, "2022-04-01", "2022-04-01T15:00:00Z")
    before = found.periods[0]
    assert (before.since, before.gain) == (str(DAYS[-1]), pytest.approx(found.nav - portfolio.nav))
    (folder / "quotes-20220402T150000Z.csv").write_text(f"{heads}A,170,{DAYS[-1]},USD,{DAYS[-1]}T15:00:00Z,yahoo\n")
    assert value_of(of_source, portfolio.target, entered, entered).moment == ""  # the close is as new


def test_weights_are_by_class_in_words_and_add_up(portfolio: Portfolio) -> None:
    classes, drifts = _parts(portfolio, portfolio.target)
    assert [each.name for each in classes] == ["US equity", "bonds", "cash"]
    assert sum(each.weight for each in classes) == pytest.approx(1.0)
    assert sum(each.target for each in classes) == pytest.approx(1.0)
    assert [each.name for each in drifts] == ["B", "A"]
    assert CLASSES + 2 <= 10, f"app.css has ten colours: {OTHER_PARTS} and cash are two of them"
