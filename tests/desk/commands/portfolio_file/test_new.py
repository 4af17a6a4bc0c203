"""`rebalance new`: the file that it writes loads on a real store of prices, and what is wrong ends in a sentence."""

import io
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from commanded import rebalance
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.commands.orders.trades import refit
from desk.commands.portfolio_file.broker_terms import CLASS_COSTS, LARGE_ACCOUNT, TICKET
from desk.commands.portfolio_file.new import NewFile, new_text, write_new
from desk.commands.portfolio_file.new_settings import PROFILE_KEY, PROFILES, SETTING_KEYS, STRATEGIES, STRATEGY_NAMES
from foundation.errors import ConfigError, DataError
from foundation.files import ROOT
from research.forecast import BlackLitterman
from research.market.calendars import sessions
from research.market.reading.embedded import MULTI_ASSET_CLASSES
from research.market.reading.known_instruments import known_instruments
from research.market.rows import price_rows
from research.market.store import PriceStore, named_store
from research.orders import trade_list
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.assumed import assumed_words
from research.portfolio.file.strict_yaml import read_yaml
from research.portfolio.keys.allocations import ALLOCATIONS, PEER_NAMES
from research.rules import Calendar, Threshold, TunedThreshold

CLOSES = {
    "SPY": 383.44, "AGG": 97.45, "GLD": 168.85, "VEA": 42.38, "VWO": 39.46, "QQQ": 266.44, "VNQ": 83.08,
    "BTC": 16_642.34, "ETH": 1_201.6, "MSFT": 241.01, "BRK-B": 309.91, "VFIAX": 355.4, "ON": 63.0, "XYZ": 50.0,
    "GBPUSD": 1.2,
}  # fmt: skip  # the last ones, on 2022-12-29 or made up
POUND = {
    "2019-12-20": 1.30, "2020-03-09": 1.31, "2020-03-19": 1.15, "2020-06-10": 1.27, "2020-12-31": 1.36,
    "2022-01-03": 1.35, "2022-09-28": 1.07, "2022-12-29": 1.2,
}  # fmt: skip  # about: dollars a pound
WORDS = ("SPY=60", "AGG=30", "GLD=10")
BROKER = ROOT / "data" / "portfolios" / "desk_positions.csv"
Loaded = Callable[..., Portfolio]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a store `yahoo` with three years of made-up prices."""
    folder, draws = tmp_path_factory.mktemp("stores"), np.random.default_rng(1)
    first, last = np.datetime64("2020-01-02"), np.datetime64("2022-12-29")
    table = []
    for asset, close in CLOSES.items():
        known = known_instruments().find(asset)
        days = sessions(first - (14 if asset == "GBPUSD" else 0), last, known.calendar if known else "XNYS")
        walk = np.cumsum(draws.normal(0.0, 0.01, len(days)))
        currency = "GBP" if asset == "XYZ" else "USD"
        prices = close * np.exp(walk - walk[-1])
        if asset == "GBPUSD":  # rates are held against those of the European Central Bank
            prices = np.interp(days.astype(float), np.array([*POUND], "datetime64[D]").astype(float), [*POUND.values()])
        at = np.datetime64("2022-12-30T12:00", "us")
        table.append(price_rows(asset, days, prices, currency=currency, source="yahoo", fetched_at=at))
    PriceStore(folder / "yahoo", "yahoo").add(pd.concat(table))
    return folder


@pytest.fixture
def loaded(stores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """What loads the file that some arguments make, in a folder of its own."""
    monkeypatch.setenv("REBALANCE_DATA", str(stores))

    def load(weights: tuple[str, ...] = WORDS, nav: float | None = 1e5, seed: str = "", **asked: object) -> Portfolio:
        file = tmp_path / f"made_{len(list(tmp_path.iterdir()))}.yaml"
        if seed:
            (tmp_path / "seed.yaml").write_text(seed)
            asked["seed"] = tmp_path / "seed.yaml"
        write_new(NewFile(file, weights, nav, **asked))
        return load_portfolio(file)

    return load


def text_of(*weights: str, **asked: object) -> str:
    return new_text(NewFile(Path("my.yaml"), weights, **({"nav": 1e5} | asked)))[0]


# -- what decides for a small account --------------------------------------------------------------------------------

RETAIL, IN_BP = {"ticket": 5.9, "half_spread_bps": 3}, {"commission_bps": 1, "half_spread_bps": 1}


@pytest.mark.parametrize(
    ("asked", "costs", "assumed"),
    [
        ({"nav": 230_000, "currency": "EUR"}, RETAIL, ["costs", "tracking_penalty", "materiality_bps", "cash"]),
        ({"nav": 999_999.99}, RETAIL, ["costs", "tracking_penalty", "materiality_bps"]),
        ({"nav": 1e6}, IN_BP, ["costs", "tracking_penalty", "materiality_bps"]),
        ({"nav": 1e5, "currency": "JPY"}, IN_BP, ["costs", "tracking_penalty", "materiality_bps", "cash"]),
        ({"profile": "moderate", "broker": "ticket=5.90,half_spread_bps=3"}, RETAIL, ["materiality_bps"]),
        ({"profile": "moderate", "broker": "ticket=5.90"}, RETAIL, ["half_spread", "materiality_bps"]),
        ({"profile": "moderate", "broker": "half_spread_bps=3"}, RETAIL, ["fees", "materiality_bps"]),
        (
            {"profile": "moderate", "broker": "commission_bps=5, minimum=4, half_spread_bps=2", "nav": 1e7},
            {"commission_bps": 5, "minimum": 4, "half_spread_bps": 2},
            ["materiality_bps"],
        ),
        ({"profile": "moderate", "currency": "EUR", "broker": "ticket=1,half_spread_bps=1,cash=0.02"},
         {"ticket": 1, "half_spread_bps": 1}, ["materiality_bps"]),
    ],
)  # fmt: skip
def test_what_a_broker_takes_is_stated_or_assumed_by_nav_and_marked_so(
    asked: dict[str, Any], costs: dict[str, float], assumed: list[str]
) -> None:
    tree = yaml.safe_load(text_of(*WORDS, **asked))
    assert (tree["costs"]["us_equity"], tree["assumed"]) == (costs, assumed)


def test_a_few_orders_are_dear_for_a_small_account_and_cheap_for_a_large_one() -> None:
    """At `LARGE_ACCOUNT` an order of a twentieth of NAV pays about as much in bp as a ticket is."""
    assert 0.05 * LARGE_ACCOUNT * np.mean([CLASS_COSTS["us_equity"], CLASS_COSTS["gold"]]) * 1e-4 == pytest.approx(
        TICKET, rel=0.1
    )


def test_tax_savings_and_a_day_are_taken_as_stated(loaded: Loaded) -> None:
    found = loaded(broker="ticket=5.90,half_spread_bps=3,tax=0.26375,saving=500,day_cost=10,cash=0.02")
    assert found.costs.tax.rate == 0.26375
    assert set(found.flows.amounts.values()) == {500.0}
    assert (found.day_cost, found.day_cost_assumed) == (10.0, False)
    assert "Cash earns 2.0000 % a year" in str(found.market.notes)
    assert assumed_words(found) == "Assumed: tracking penalty 5 and margin 1 bp."


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ("5.90", "--broker: unknown term: found '5.90'. Use ticket"),
        ("fee=5.90", "--broker: unknown term: found 'fee=5.90'."),
        ("ticket=5.90,ticket=6", "--broker: ticket is given twice: found 'ticket=6' after the first. Give it once."),
        ("ticket=5,90", "--broker: found 'ticket=5,90': a comma ends a term. Write decimals as ticket=5.90."),
        ("tax=0,26,ticket=5,90", "--broker: found 'tax=0,26': a comma ends a term. Write decimals as tax=0.26."),
        (
            "half_spread_bps=3, ticket=5,9",
            "--broker: found 'ticket=5,9': a comma ends a term. Write decimals as ticket=5.9",
        ),
        ("ticket=-1", "--broker: ticket is no number from 0 to below 1e+09: found '-1'. It is currency an order."),
        ("ticket=5.90 EUR", "found '5.90 EUR'. It is currency an order."),
        ("tax=26", "--broker: tax is no number from 0 to below 1: found '26'. It is on gains, a fraction."),
        ("half_spread_bps=", "found ''. It is half the difference of bid and ask, bp of an order."),
    ],
)
def test_terms_that_are_none_are_refused_with_the_fix(stated: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        text_of(*WORDS, broker=stated)


@pytest.mark.parametrize(("typed", "ticket"), [("ticket=1\n", 1), ("\n", 5.9), ("fee=1\nticket=2\n", 2)])
def test_a_terminal_is_asked_what_a_broker_takes_until_it_is_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, ticket: float
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    done = rebalance("new", tmp_path / "my.yaml", *WORDS, "--nav", "1e5")
    assert done.status == 0, done.err
    assert ("unknown term: found 'fee=1'" in done.err) == typed.startswith("fee")
    assert "What your broker takes, such as ticket=5.90,half_spread_bps=3 (empty: assumed):" in done.err
    assert "  ticket: currency an order\n" in done.err
    assert "broker takes" not in done.out  # only the space behind it, by click
    assert yaml.safe_load((tmp_path / "my.yaml").read_text())["costs"]["bonds"]["ticket"] == ticket


def test_a_terminal_is_asked_nothing_for_a_file_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my.yaml").write_text("mine")
    monkeypatch.setattr(sys, "stdin", typed := Terminal("developed_equity\nEUR\nticket=1\n"))
    done = rebalance("new", tmp_path / "my.yaml", "SPY=50", "QZXE.DE=50", "--nav", "1e5")
    assert (done.status, done.out, typed.tell()) == (2, "", 0)
    said = f"{tmp_path / 'my.yaml'} is there already, and is not overwritten. Give another name, or remove it.\n"
    assert done.err == said


def test_a_terminal_is_not_asked_what_is_stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    done = rebalance("new", tmp_path / "my.yaml", *WORDS, "--nav", "1e5", "--broker", "ticket=5.90,half_spread_bps=3")
    assert done.status == 0, done.err


def test_a_store_that_outlasts_the_rates_of_cash_makes_a_file_that_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its last rate, 4.25 % bank discount, cash earns it on: by hand, 365 × 0.0425 / (360 − 91 × 0.0425)."""
    monkeypatch.setenv("REBALANCE_DATA", str(tmp_path / "prices"))
    days = sessions(np.datetime64("2022-06-01"), np.datetime64("2024-06-28"), "XNYS")
    facts = {"currency": "USD", "source": "mine", "fetched_at": np.datetime64("2025", "us")}
    for asset in ("SPY", "AGG"):
        named_store("mine").add(price_rows(asset, days, np.linspace(100.0, 120.0, len(days)), **facts))
    said = write_new(NewFile(tmp_path / "my.yaml", ("SPY=60", "AGG=40"), 1e5, store="mine"))
    assert said.endswith(f"Next: rebalance report {tmp_path / 'my.yaml'}")
    found, rate = load_portfolio(tmp_path / "my.yaml"), 365 * 0.0425 / (360 - 91 * 0.0425)
    assert "cash" in found.assumed
    year = found.market.cash[(found.market.days >= np.datetime64("2023-06-30"))]
    assert float(np.prod(1.0 + year)) == pytest.approx((1.0 + rate * 91 / 365) ** (365 / 91), rel=1e-3)
    stated = write_new(NewFile(tmp_path / "b.yaml", ("SPY=60", "AGG=40"), 1e5, store="mine", broker="cash=0.03"))
    assert stated.endswith(f"Next: rebalance report {tmp_path / 'b.yaml'}")
    assert "cash" not in load_portfolio(tmp_path / "b.yaml").assumed


# -- from weights ----------------------------------------------------------------------------------------------------


def test_a_file_from_weights_loads_with_nothing_held_and_all_cash(loaded: Loaded) -> None:
    found = loaded()
    assert found.market.assets == ("SPY", "AGG", "GLD")
    assert found.strategic.weights == (0.6, 0.3, 0.1)
    assert (found.nav, found.cash, found.shares.tolist()) == (1e5, 1e5, [0.0, 0.0, 0.0])
    assert list(found.market.asset_class) == ["us_equity", "bonds", "gold"]
    assert found.market.calendar == "XNYS"
    assert found.policy == found.reference == "quarterly"
    assert (found.costs.ticket == 5.9).all()
    assert found.costs.half_spread == pytest.approx(np.full(3, 3e-4))
    assert not found.costs.commission.any()
    assert np.allclose(loaded(nav=1e7).costs.commission, [1e-4, 1e-4, 1.5e-4])


def test_the_first_trade_list_buys_the_targets(loaded: Loaded, tmp_path: Path) -> None:
    loaded()
    done = rebalance("trades", tmp_path / "made_0.yaml", "--as-of", "2022-12-29", "--out", tmp_path / "list.csv")
    assert done.status == 0, done.err
    orders = pd.read_csv(tmp_path / "list.csv", comment="#").set_index("asset")
    bought = {asset: orders.loc[asset, "quantity"] * CLOSES[asset] / 1e5 for asset in ("SPY", "AGG", "GLD")}
    assert bought == pytest.approx({"SPY": 0.6, "AGG": 0.3, "GLD": 0.1}, abs=0.01)  # some cash stays for worse fills
    assert set(orders["side"].str.lower()) == {"buy"}


@pytest.mark.parametrize("market", [{}, {"first": "2022-10-03"}])
@pytest.mark.parametrize("day", ["2022-10-04", "2022-11-30", "2022-12-28"])
def test_the_first_list_buys_the_targets_on_any_day_by_any_policy(
    loaded: Loaded, tmp_path: Path, market: dict[str, str], day: str
) -> None:
    loaded()
    portfolio = load_portfolio(tmp_path / "made_0.yaml", {"market": market})
    portfolio = replace(portfolio, market=portfolio.market.until(day))
    for name, policy in portfolio.policies.items():
        if isinstance(policy, TunedThreshold):
            policy = refit(policy, {"band": 0.05, "within": 0.01, "seen": "2021-06-30"}, tmp_path)
        listed = trade_list(portfolio, policy, name)
        assert listed.sized.after.weights == pytest.approx([0.6, 0.3, 0.1], abs=0.01), name
        again = trade_list(listed.after(), policy, name)
        assert again.empty, f"{name}: {again.headline}"


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_new(NewFile(tmp_path / name / "my.yaml", WORDS, 1e5))
    assert (tmp_path / "a" / "my.yaml").read_bytes() == (tmp_path / "b" / "my.yaml").read_bytes()


def test_percent_and_fractions_are_one() -> None:
    assert text_of(*WORDS) == text_of("SPY=0.6", "AGG=0.3", "GLD=.1") == text_of("SPY=60%", "AGG=30%", "GLD=10%")


def test_a_weight_below_a_percent_is_one_among_others_of_about_100_or_with_its_sign() -> None:
    assert "{asset_class: bonds,     target: 0.005," in text_of("SPY=99.5", "AGG=0.5")
    assert text_of("SPY=60", "AGG=0.5%") == text_of("SPY=60%", "AGG=.5%") == text_of("SPY=0.6", "AGG=0.005")
    assert "target: 0.01," in text_of("SPY=89", "AGG=1")
    assert "target: 0.4," in text_of("SPY=40", "AGG=0")


def test_another_listing_than_that_of_the_table_stands_in_its_line() -> None:
    stated = yaml.safe_load(text_of("XGLD=50", "VWCE=50", classes={"XGLD": "gold,EUR,XETR"}, store="mine"))
    assert {name: line.get("calendar") for name, line in stated["lines"].items()} == {"XGLD": "XETR", "VWCE": None}


def test_cash_takes_what_the_weights_leave_and_says_so(loaded: Loaded) -> None:
    assert "# The weights add up to 90 %: cash has the rest, 10 %, as its target." in text_of("SPY=60", "AGG=30")
    assert loaded(("SPY=60", "AGG=30")).strategic.weights == (0.6, 0.3)


def test_other_spellings_give_the_id_and_symbols_of_the_source_stand_beside_it(loaded: Loaded) -> None:
    found = loaded(("brk/b=50", "btc-usd=30", "vfiax=15", "ON=5"))
    assert found.market.assets == ("BRK-B", "BTC", "VFIAX", "ON")
    assert found.limits.lots.tolist() == [1.0, 1e-8, 0.001, 1.0]
    assert found.costs.commission.tolist() == pytest.approx([0.0, 1e-3, 0.0, 0.0])  # an exchange of coins takes bp
    assert found.costs.ticket.tolist() == [5.9, 0.0, 0.0, 5.9]  # and a mutual fund is dealt at its NAV
    lines = yaml.safe_load(text_of("VFIAX=100", broker="half_spread_bps=4"))["lines"]
    assert lines["VFIAX"]["ticket"] == 0  # which is assumed there, too
    assert found.limits.cut_offs == ("", "", "16:00 America/New_York", "")
    lines = yaml.safe_load(text_of("BTC=50", "ON=50"))["lines"]  # by YAML 1.1, which reads a bare ON as true
    assert {asset: line.get("symbol") for asset, line in lines.items()} == {"BTC": "BTC-USD", "ON": None}


def test_coins_alone_trade_round_the_clock(loaded: Loaded) -> None:
    assert loaded(("BTC=70", "ETH=30")).market.calendar == "24/7"


def test_an_unknown_asset_has_the_class_and_currency_that_are_stated(loaded: Loaded) -> None:
    found = loaded(("SPY=50", "xyz=50"), classes={"xyz": "developed_equity,GBP"})
    assert found.market.assets == ("SPY", "XYZ")
    assert list(found.market.asset_class) == ["us_equity", "developed_equity"]
    assert found.currencies is not None
    assert found.currencies.lines == ("USD", "GBP")
    assert found.currencies.converted


def test_the_currency_of_all_assets_is_that_of_the_portfolio(loaded: Loaded) -> None:
    found = loaded(("xyz=100",), classes={"xyz": "developed_equity,GBP"})
    assert (found.basis, found.currencies) == ("GBP", None)


def test_a_file_has_the_currency_of_its_store_unless_another_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path))
    (tmp_path / "p.csv").write_text("date,SPY,MA\n2020-01-02,1,5\n2020-01-03,2,6\n")
    rebalance("data", "import", tmp_path / "p.csv", "--as", "mine", "--adjustment", "total", "--currency", "EUR")
    asked = NewFile(tmp_path / "my.yaml", ("SPY=60", "MA=40"), 1e5, source="", store="mine")
    text, notes, _ = new_text(asked)
    assert "basis: EUR" in text
    assert "currency: EUR" not in text
    named = "SPY is SPDR S&P 500 ETF Trust; MA is Mastercard Incorporated."
    assert f"Taken from the table of instruments: {named}" in notes
    text, *_ = new_text(replace(asked, currency="CHF"))
    assert "basis: CHF" in text
    assert text.count("currency: EUR") == 2
    with pytest.raises(ConfigError, match="--currency: no currency: found 'eur'"):
        new_text(replace(asked, currency="eur"))


def test_a_store_of_imported_prices_has_no_symbols(loaded: Loaded) -> None:
    assert "market: {store: yahoo, cash: bill, calendar: 24/7}" in text_of("BTC=1", store="yahoo")
    assert "symbol" not in text_of("BTC=1", store="yahoo")
    assert loaded(("BTC=1",), store="yahoo").nav == 1e5


def test_a_name_that_the_store_has_is_written_as_the_store_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBALANCE_DATA", str(tmp_path / "prices"))
    at, last = np.datetime64("2023", "us"), ["2022-12-28", "2022-12-29"]
    names = ("Aktien Welt", "gold bar", "brk.b", "SPY", "spy")
    rows = [price_rows(name, last, [10.0, 11.0], currency="USD", source="mine", fetched_at=at) for name in names]
    named_store("mine").add(pd.concat(rows))
    weights = ("Aktien Welt=40", "Gold Bar=20", "brk.b=20", "spy=10", "SPY=5", "ab cd=5")
    classes = {"Aktien Welt": "global_equity", "Gold Bar": "gold", "ab cd": "bonds"}
    file = tmp_path / "my.yaml"
    said = write_new(NewFile(file, weights, 1e5, store="mine", classes=classes))
    assert list(yaml.safe_load(file.read_text())["lines"]) == [*names[:3], "spy", "SPY", "AB-CD"]
    assert "Store mine has no prices of ab cd: import them into it." in said
    file = tmp_path / "other.yaml"
    write_new(
        NewFile(file, weights[:3], 1e5, store="mine", classes={n: classes[n] for n in ("Aktien Welt", "Gold Bar")})
    )
    assert load_portfolio(file).market.assets == names[:3]


def test_without_prices_the_file_is_refused_with_the_command_that_fetches_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBALANCE_DATA", str(tmp_path / "none"))
    write_new(NewFile(tmp_path / "my.yaml", WORDS, 1e5))
    with pytest.raises(ConfigError, match=r"rebalance data fetch .*my\.yaml"):
        load_portfolio(tmp_path / "my.yaml")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=8), st.integers(0, 10**6), st.integers(0, 6))
def test_weights_come_back_as_targets_that_are_one_with_cash(parts: list[int], cash: int, digits: int) -> None:
    assets = list(known_instruments().by_id)[: len(parts)]
    unit = Decimal(10) ** -digits
    weights = [(Decimal(100 * part) / (sum(parts) + cash)).quantize(unit, "ROUND_FLOOR") for part in parts]
    if not any(weights):
        return
    words = [f"{asset}={weight}%" for asset, weight in zip(assets, weights, strict=True)]
    tree = yaml.load(text_of(*words), yaml.BaseLoader)
    targets = {asset: Decimal(line["target"]) for asset, line in tree["lines"].items()}
    assert targets == {asset: weight / 100 for asset, weight in zip(assets, weights, strict=True)}
    assert sum(targets.values()) + Decimal(tree.get("target_cash", "0")) == 1
    for asset, line in tree["lines"].items():
        lower, upper = map(Decimal, line["range"])
        assert 0 <= lower <= targets[asset] <= upper <= 1
        assert upper - lower <= Decimal("0.1002")


# -- profiles --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_sets_penalty_ranges_and_limits_and_says_so(loaded: Loaded, profile: str) -> None:
    found, stated = loaded(profile=profile), PROFILES[profile]
    assert (found.tracking_penalty, found.limits.tracking_error) == (stated.penalty, stated.tracking_error)
    assert found.limits.max_drawdown == stated.max_drawdown
    assert found.upper - found.lower == pytest.approx(np.minimum([0.6, 0.3, 0.1], 2 * stated.width))
    assert f"# Profile {profile}: tracking_penalty {stated.penalty:g}; " in text_of(*WORDS, profile=profile)


def test_without_a_profile_it_is_the_moderate_one() -> None:
    """Its penalty is assumed, and stated where the profile is."""
    assert text_of(*WORDS).replace("tracking_penalty, ", "") == text_of(*WORDS, profile="moderate")


# -- the configuration of another module -----------------------------------------------------------------------------


def _policy(found: Portfolio) -> object:
    return found.policies[found.policy or ""]


SEEDS = {
    "risk_profile: aggressive": lambda p: p.tracking_penalty == 2.0,
    "stablecoin_fraction: 0.1": lambda p: p.strategic.weights == pytest.approx((0.54, 0.27, 0.09), abs=1e-9),
    "rebalancing_frequency: weekly": lambda p: _policy(p).schedule == "week",
    "rebalancing_frequency: Monthly": lambda p: (p.policy, _policy(p).schedule) == ("monthly", "month"),
    "volatility_target: 0.12": lambda p: p.policies["volatility_target"].allocation.volatility == 0.12,
    "max_drawdown_limit: 0.2": lambda p: p.limits.max_drawdown == 0.2,
    "strategy: {name: threshold}": lambda p: isinstance(_policy(p), Threshold),
    "strategy: {name: hrp, lookback_period: 90}": lambda p: _policy(p).allocation.window == 90,
    "strategy: {name: risk_parity, lookback_period: 90}": lambda p: _policy(p).allocation.forecast.window == 90,
    "strategy: {lookback_period: 90}\nvolatility_target: 0.1": (
        lambda p: p.policies["volatility_target"].allocation.lookback == 90
    ),
    "strategy: {rebalancing_threshold: 0.04}": lambda p: p.policies["threshold"].band == 0.04,
    "strategy: {name: threshold}\nrebalancing_frequency: monthly": lambda p: _policy(p).schedule == "month",
    "trading: {execution_style: market_on_close}": lambda p: p.ticket.order_type == "market_on_close",
    "trading: {execution_style: twap}": lambda p: (p.ticket.slicing.kind, p.ticket.slicing.slices) == ("twap", 12),
    "trading: {execution_style: vwap, max_slippage: 0.01}": (
        lambda p: (p.ticket.slicing.slices, p.ticket.order_type, p.ticket.collar_bps) == (12, "limit", 100.0)
    ),
    "correlation_threshold: 0.6": lambda p: p.cycle.correlation == 0.6,
    "strategy: {name: hierarchical_risk_parity, lookback_period: 90}": lambda p: _policy(p).allocation.window == 90,
    "strategy: {name: mpt, lookback_period: 90}": (
        lambda p: (_policy(p).allocation.objective, _policy(p).allocation.forecast.window) == ("maximum_sharpe", 90)
    ),
    "strategy: {name: black_litterman}": lambda p: isinstance(_policy(p).allocation.forecast, BlackLitterman),
    "strategy: {base: hrp, name: llm_assisted}": lambda p: p.policy == "hrp",
    "trading: {base_currency: USDT}": lambda p: p.basis == "USD",
    "trading: {execution_style: limit}": lambda p: p.ticket.order_type == "limit",
    "trading: {max_slippage: 0.005}": lambda p: (p.ticket.order_type, p.ticket.collar_bps) == ("limit", 50.0),
    "trading: {min_trade_value: 250}": lambda p: p.limits.minimum_trade == 250.0,
    "trading: {base_currency: USD}": lambda p: p.basis == "USD",
}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_key_of_another_module_sets_its_counterpart(loaded: Loaded, seed: str) -> None:
    assert SEEDS[seed](loaded(seed=seed)), seed


def test_each_key_that_is_taken_is_tested_above() -> None:
    stated = [yaml.safe_load(seed) for seed in SEEDS]
    names = {f"{k}.{inner}" if isinstance(v, dict) else k for tree in stated for k, v in tree.items()
             for inner in (v if isinstance(v, dict) else [""])}  # fmt: skip
    assert names == {PROFILE_KEY, *(name for name, (_, take) in SETTING_KEYS.items() if take)}


@pytest.mark.parametrize(
    ("seed", "said"),
    [
        ("portfolio_type: balanced", "portfolio_type balanced has no counterpart: the assets and their targets say"),
        ("strategy: {lookback_period: 90}", "strategy.lookback_period 90 has no counterpart: nothing is estimated"),
        ("strategy: {name: equal, lookback_period: 90}", "strategy.lookback_period 90 has no counterpart: nothing is"),
        ("trading: {execution_style: pov}", "trading.execution_style pov has no counterpart: an order is sent as"),
        (
            "trading: {execution_style: market, max_slippage: 0.01}",
            "trading.max_slippage 0.01 has no counterpart: an order type of market has no limit price",
        ),
        ("risk_profil: moderate", "risk_profil moderate has no counterpart: no such key is known. Did you mean"),
    ],
)
def test_a_key_without_a_counterpart_is_named_with_the_reason_in_the_file_and_on_the_terminal(
    tmp_path: Path, seed: str, said: str
) -> None:
    (tmp_path / "seed.yaml").write_text(seed)
    text, notes, _ = new_text(NewFile(tmp_path / "my.yaml", WORDS, 1e5, seed=tmp_path / "seed.yaml"))
    assert any(note.startswith(said) for note in notes)
    assert f"# {said[:60]}" in text


def test_a_file_of_an_imported_store_tells_the_import_until_there_is_one_and_then_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBALANCE_DATA", str(tmp_path / "prices"))
    said = [write_new(NewFile(tmp_path / "one.yaml", WORDS, 1e5, store="mine")).splitlines()[-1]]
    facts = {"currency": "USD", "source": "mine", "fetched_at": np.datetime64("2023", "us")}
    named_store("mine").add(price_rows("SPY", ["2022-12-28", "2022-12-29"], [376.7, 383.4], **facts))
    said.append(write_new(NewFile(tmp_path / "two.yaml", ["SPY=60"], 1e5, store="mine")).splitlines()[-1])
    assert said == ["Next: rebalance data import TABLE --as mine", f"Next: rebalance report {tmp_path / 'two.yaml'}"]
    note, _, command = write_new(NewFile(tmp_path / "three.yaml", WORDS, 1e5, store="mine")).splitlines()[-3:]
    assert note == "Store mine has no prices of AGG, GLD: import them into it."
    assert command == said[0]
    assert "AGG, GLD" not in (tmp_path / "three.yaml").read_text()


def test_the_keys_of_the_issue_are_all_known() -> None:
    assert {*SETTING_KEYS} == {
        "portfolio_type", "risk_profile", "stablecoin_fraction", "rebalancing_frequency", "volatility_target",
        "max_drawdown_limit", "correlation_threshold", "strategy.name", "strategy.base", "strategy.lookback_period",
        "strategy.rebalancing_threshold", "trading.execution_style", "trading.max_slippage", "trading.min_trade_value",
        "trading.base_currency",
    }  # fmt: skip


def test_the_guide_lists_the_keys_and_what_they_set() -> None:
    rows = [
        f"| `{name}` | {'sets' if take or name == PROFILE_KEY else 'has no counterpart:'} {what} |"
        for name, (what, take) in SETTING_KEYS.items()
    ]
    assert "\n".join(rows) in (ROOT / "docs" / "data.md").read_text()


def test_what_a_key_sets_is_said_with_its_value(tmp_path: Path) -> None:
    (tmp_path / "seed.yaml").write_text("rebalancing_frequency: annually\nstrategy: {name: periodic}")
    notes = new_text(NewFile(tmp_path / "my.yaml", WORDS, 1e5, seed=tmp_path / "seed.yaml"))[1]
    assert "rebalancing_frequency annually sets the schedule of calendars and thresholds: year." in notes
    assert "strategy.name periodic sets the policy in force: calendar." in notes


def test_every_strategy_gives_a_policy_that_loads(loaded: Loaded, tmp_path: Path) -> None:
    needed = {"market_cap", "benchmark_tracking", "signals", "strategic"} | {
        kind for kind, made in ALLOCATIONS.items() if any(f.name in ("allocation", "allocations") for f in fields(made))
    }
    allocations, policies = sorted({*ALLOCATIONS} - needed), {}
    peers = [name for name, (kind, _) in PEER_NAMES.items() if kind in allocations]
    peers = [name for name in peers if name not in ("1/n", "efficient_return", "efficient_risk")]
    for name in [*STRATEGIES, *allocations, *peers, *STRATEGY_NAMES]:
        (tmp_path / "seed.yaml").write_text(f"strategy: {{name: {name}, lookback_period: 126}}")
        tree = yaml.safe_load(text_of(*WORDS, seed=tmp_path / "seed.yaml"))
        assert tree["policy"] == ("quarterly" if STRATEGIES.get(name) == "calendar" else STRATEGIES.get(name, name))
        policies[name] = tree["policies"][tree["policy"]]
    loaded()
    found = load_portfolio(tmp_path / "made_1.yaml", {"policies": policies})
    assert all(isinstance(found.policies[name], Calendar) for name in (*allocations, *peers, *STRATEGY_NAMES))
    assert {*policies} <= {*found.policies}


def test_a_profile_of_the_command_line_goes_before_that_of_the_seed(loaded: Loaded) -> None:
    assert loaded(seed="risk_profile: aggressive", profile="conservative").tracking_penalty == 10.0


@pytest.mark.parametrize(
    ("seed", "said"),
    [
        ("risk_profile: daring", "risk_profile: unknown (.*seed.yaml, line 1): found 'daring'. Use conservative"),
        ("rebalancing_frequency: hourly", "Use daily, weekly"),
        ("stablecoin_fraction: 20", "stablecoin_fraction: no fraction .* found 20. Write a fraction: 5 % is 0.05."),
        ("volatility_target: high", "Write a fraction"),
        ("strategy: {name: magic}", "strategy.name: unknown .*found 'magic'"),
        ("strategy: {name: hrp, lookback_period: 1}", "whole number"),
        ("trading: {base_currency: dollar}", "trading.base_currency: no currency"),
        ("trading: {min_trade_value: -1}", "0 or more"),
        ("- 1", "holds no keys"),
    ],
)
def test_a_value_that_a_key_cannot_have_is_refused(tmp_path: Path, seed: str, said: str) -> None:
    (tmp_path / "seed.yaml").write_text(seed)
    with pytest.raises(ConfigError, match=said.replace("(", r"\(").replace("line 1)", r"line 1\)")):
        new_text(NewFile(tmp_path / "my.yaml", WORDS, 1e5, seed=tmp_path / "seed.yaml"))


# -- a broker's positions --------------------------------------------------------------------------------------------


def test_positions_without_weights_keep_the_present_weights(loaded: Loaded, tmp_path: Path) -> None:
    shutil.copy(BROKER, tmp_path)
    found = loaded((), None, positions=tmp_path / BROKER.name)
    assert found.shares[found.market.assets.index("SPY")] == 18_040
    assert found.cash == pytest.approx(84_905.12 + 30_000 + 2_500)
    weights = dict(zip(found.market.assets, found.strategic.weights, strict=True))
    assert list(weights) == ["SPY", "AGG", "VEA", "VWO", "QQQ", "VNQ", "GLD", "BTC", "MSFT"]
    assert list(weights.values()) == pytest.approx(found.holdings / found.nav, abs=1e-4)


def test_weights_beside_positions_are_the_targets_and_other_holdings_are_sold(loaded: Loaded, tmp_path: Path) -> None:
    shutil.copy(BROKER, tmp_path)
    found = loaded(("SPY=60", "ETH=40"), None, positions=tmp_path / BROKER.name)
    weights = dict(zip(found.market.assets, found.strategic.weights, strict=True))
    assert (weights["SPY"], weights["ETH"], weights["AGG"]) == (0.6, 0.4, 0.0)
    assert found.shares[found.market.assets.index("ETH")] == 0.0


def test_an_export_without_values_needs_weights(loaded: Loaded, tmp_path: Path) -> None:
    (tmp_path / "held.csv").write_text("Symbol,Quantity\nBRK/B,10\nCash,500\nTotal,\n")
    with pytest.raises(ConfigError, match=r"held\.csv does not say the value of BRK-B .* Give the targets"):
        loaded((), None, positions=tmp_path / "held.csv")
    found = loaded(("SPY=50", "BRK.B=50"), None, positions=tmp_path / "held.csv")
    assert found.shares.tolist() == [0.0, 10.0]
    assert found.cash == 500.0


def test_an_export_without_cash_has_none(loaded: Loaded, tmp_path: Path) -> None:
    (tmp_path / "held.csv").write_text("Symbol,Quantity,Value\nSPY,10,3834.40\nAGG,30,2923.50\nGLD,7,1181.95\n")
    found = loaded((), None, positions=tmp_path / "held.csv")
    assert found.cash == 0.0
    assert sum(found.strategic.weights) == pytest.approx(1.0, abs=1e-12)


def test_the_age_and_a_split_of_an_export_are_told_where_its_prices_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBALANCE_DATA", str(tmp_path / "prices"))
    days = ["2022-12-27", "2022-12-28", "2022-12-29"]
    facts = {"currency": "USD", "source": "mine", "fetched_at": np.datetime64("2023", "us")}
    for asset, closes in {"SPY": [381.4, 376.7, 383.44], "AGG": [97.2, 96.9, 97.45]}.items():
        named_store("mine").add(price_rows(asset, days, closes, **facts))
    export = "Positions as of 2022/09/29\n\nSymbol,Quantity,Value\nSPY,10,3834.40\nAGG,20,2923.50\nCash,,500\n"
    (tmp_path / "held.csv").write_text(export)
    said = write_new(NewFile(tmp_path / "my.yaml", positions=tmp_path / "held.csv", store="mine"))
    assert "held.csv is of 2022-09-29 by its own words, 91 days before the last close, 2022-12-29" in said
    assert "row 5: AGG is worth 2,923.50 there, and 1,949.00 at the price of this list, 33.3 % less" in said


def test_an_unknown_symbol_of_an_export_is_refused_with_its_option(tmp_path: Path) -> None:
    (tmp_path / "held.csv").write_text("Symbol,Quantity,Price\nSPY,10,383.44\nQZX,30,97.45\nSPAXX**,5,1\n")
    many = NewFile(tmp_path / "many.yaml", tuple(f"QZX{k}=0.001" for k in range(250)), nav=1e5)
    with pytest.raises(ConfigError, match=r"\nSo are 150 more\.\nThe classes are ") as told:
        new_text(many)
    assert str(told.value).count("is not in the table of instruments") == 100
    with pytest.raises(ConfigError, match=r"^QZX is not in the table of instruments, .*--symbol QZX=us_equity"):
        new_text(NewFile(tmp_path / "my.yaml", positions=tmp_path / "held.csv"))


def test_the_account_numbers_of_an_export_do_not_go_into_the_file() -> None:
    text, notes, _ = new_text(NewFile(Path("my.yaml"), positions=BROKER))
    assert any("Z10000001" in note for note in notes)
    assert "Z10000001" not in text


EUROPEAN = (
    "Symbol,Quantity,Value,Currency\nVWCE,900,100080,EUR\nIE00B1FZS798,500,85250,EUR\nCash EUR,12345.67,12345.67,EUR\n"
)


def test_european_funds_are_in_the_currency_and_on_the_sessions_of_their_listing(tmp_path: Path) -> None:
    (tmp_path / "depot.csv").write_text(EUROPEAN)
    asked = NewFile(tmp_path / "my.yaml", positions=tmp_path / "depot.csv", classes={"Cash EUR": "cash"})
    tree = yaml.safe_load(new_text(asked).text)
    assert (tree["basis"], tree["market"]["calendar"]) == ("EUR", "XETR")
    assert tree["positions"]["symbols"] == {"IE00B1FZS798": "IBTM", "Cash EUR": "cash"}
    assert {asset: line["symbol"] for asset, line in tree["lines"].items()} == {"VWCE": "VWCE.DE", "IBTM": "IBTM.MI"}
    assert new_text(asked).positions.balances == {"EUR": 12_345.67}


def test_a_row_of_cash_that_is_none_by_its_name_is_told_the_option(tmp_path: Path) -> None:
    (tmp_path / "value.csv").write_text("Symbol,Quantity,Value\nVWCE,900,100\nCash EUR,,12345.67\n")
    with pytest.raises(
        DataError, match=r'not an asset of the portfolio.*with `rebalance new`, --symbol "Cash EUR=cash"'
    ):
        new_text(NewFile(tmp_path / "my.yaml", positions=tmp_path / "value.csv"))
    found = new_text(NewFile(tmp_path / "my.yaml", positions=tmp_path / "value.csv", classes={"Cash EUR": "cash"}))
    assert found.positions.balances == {"EUR": 12_345.67}


@pytest.mark.parametrize(
    ("weights", "classes", "basis", "calendar"),
    [
        (("IE00B0M62Q58=100",), {"IE00B0M62Q58": "equity,EUR,XETR"}, "EUR", "XETR"),
        (("QZX=100",), {"QZX": "equity,EUR"}, "EUR", "XETR"),
        (("QZX=100",), {"QZX": "equity,GBP"}, "GBP", "XLON"),
        (("QZX=100",), {"QZX": "equity"}, "USD", "XNYS"),
        (("VWCE=100",), {"VWCE": "global_equity,EUR,XAMS"}, "EUR", "XAMS"),
    ],
)
def test_any_fund_has_the_class_the_currency_and_the_exchange_that_are_stated(
    weights: tuple[str, ...], classes: dict[str, str], basis: str, calendar: str
) -> None:
    tree = yaml.safe_load(text_of(*weights, classes=classes, store="mine"))
    assert (tree["basis"], tree["market"]["calendar"]) == (basis, calendar)


def test_assets_of_several_exchanges_are_told_whose_sessions_count() -> None:
    assert "# Exchanges: XNYS, XETR. Rows are the sessions of the first" in text_of("SPY=50", "VWCE=50")


GERMAN = "Symbol;Menge;Kurs;Währung;Kurswert\nMEUD;1.500;383,44;EUR;575.160,00\nCash;12.345,67;1,00;EUR;12.345,67\n"


def test_an_export_in_german_and_euros_makes_a_portfolio_in_euros(tmp_path: Path) -> None:
    (tmp_path / "depot.csv").write_text(GERMAN, encoding="cp1252")
    asked = NewFile(tmp_path / "my.yaml", positions=tmp_path / "depot.csv", classes={"MEUD": "developed_equity"})
    text, notes, _ = new_text(asked)
    assert "basis: EUR" in text
    assert "All amounts are in EUR, the currency of all assets." in notes
    assert yaml.safe_load(text)["lines"]["MEUD"]["target"] == pytest.approx(575_160 / 587_505.67, abs=1e-4)
    text, *_ = new_text(replace(asked, weights=("SPY=50", "MEUD=50")))
    assert "basis: USD" in text
    assert yaml.safe_load(text)["lines"]["MEUD"]["currency"] == "EUR"  # as its rows say


def test_a_header_that_is_not_understood_is_told_names_that_are(tmp_path: Path) -> None:
    (tmp_path / "depot.csv").write_text("Papier;Bestand\nMEUD;1.500\n")
    with pytest.raises(DataError, match=r"found 'Papier', 'Bestand' .* Name them in the header, such as Symbol and Qu"):
        new_text(NewFile(tmp_path / "my.yaml", positions=tmp_path / "depot.csv"))


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"weights": ("SPY=60", "AGG=50")}, r"add up to 110, more than 100: .*Lower them by 10 in all"),
        ({"weights": ("SPY=1", "AGG=0.5")}, r"add up to 1\.5, more than 1: "),
        ({"weights": ("SPY=0.6", "AGG=40")}, r"in two units, and add up to 40\.6: .*as fractions, and SPY=0\.6% where"),
        ({"weights": ("SPY=0.6", "AGG=0.4%")}, r"in two units, and add up to 1\.0: "),
        ({"weights": ("SPY=88.9", "AGG=1")}, r"in two units, and add up to 89\.9: "),
        ({"weights": ("SPY",)}, r"'SPY' is no weight: write symbol=weight"),
        ({"weights": ("SPY=sixty",)}, r"'SPY=sixty' is no weight"),
        ({"weights": ("SPY=33,3",)}, r"'SPY=33,3' is no weight"),
        ({"weights": ("SPY=-5", "AGG=50")}, r"'SPY=-5' is no weight"),
        ({"weights": ("SPY=0",)}, r"all weights are zero"),
        ({"weights": ("SPY=50", "SPY=50")}, r"SPY has two weights"),
        ({"weights": ("BRK.B=50", "brk/b=50")}, r"brk/b is BRK-B, which has a weight already"),
        ({"weights": ("SPZ=50", "QQX=50")}, r"SPZ is not in .*Did you mean SPY \(SPDR.*--symbol SPZ=.*\nQQX is not in"),
        ({"weights": ("SPX=100",)}, r"SPX is an index, S&P 500 price index, and cannot be held: name a fund of it"),
        ({"weights": ("TWTR=100",)}, r"TWTR \(Twitter, Inc\.\) was delisted on 2022-10-28"),
        ({"weights": ()}, r"no assets are named"),
        ({"nav": None}, r"give --nav, .*or --positions"),
        ({"positions": BROKER}, r"give --nav, .*or --positions"),
        ({"nav": 0.0}, r"--nav is 0\.0: give an amount above zero"),
        ({"nav": float("nan")}, r"--nav is nan: give an amount"),
        ({"profile": "modest"}, r"--profile: unknown profile: found 'modest'\. Did you mean 'moderate'\?"),
        ({"source": "yaho"}, r"--source is 'yaho': use one of yahoo, tiingo, "),
        ({"store": "../x"}, r"--store '\.\./x': it has a slash"),
        ({"file": Path(".yaml")}, r"the name of the file is"),
        (
            {"classes": {"SPY": "us_equty"}},
            r"--symbol SPY: unknown asset class: found 'us_equty'\. Did you mean 'us_eq",
        ),
        (
            {"classes": {"SPY": "us_equty", "AGG": "bnds"}},
            r"--symbol SPY: .*'us_eq.* us_equity, bonds.*\n--symbol AGG: .*'bonds'",
        ),
        (
            {"weights": ("MEUD=50", "SGLN=50")},
            r"MEUD is not in [^?]* Say.*\nSGLN is .*Did you mean SGOL \([^?]*\)\? Say"
            r".*\nThe classes are us_equity, bonds, ",
        ),
        ({"classes": {"SPY": "us_equity,euro"}}, r"no currency: found 'euro'"),
        ({"classes": {"SPY": "us_equity,EUR,XFRO"}}, r"--symbol SPY: unknown exchange calendar 'XFRO'"),
        ({"weights": ("IE00BK5BQT81=100",)}, r"IE00BK5BQT81 is no ISIN\. Its last sign is a check digit"),
        ({"classes": {"SPY": "us_equity,EUR,XETR,1"}}, r"--symbol SPY: found 'us_.*such as equity,EUR,XETR"),
        ({"classes": {"IE00BK5BQT81": "equity"}}, r"IE00BK5BQT81 is no ISIN\. Its last sign is a check digit"),
        ({"classes": {"SPY": "cash"}}, r"--symbol SPY=cash says what a row of --positions is: give that file"),
        ({"classes": {"QQQ": "us_equity"}}, r"--symbol QQQ: no such asset is asked for"),
        ({"seed": Path("none.yaml")}, r"no file none\.yaml"),
    ],
)
def test_what_is_wrong_is_refused_with_the_fix(asked: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        new_text(NewFile(**({"file": Path("my.yaml"), "weights": WORDS, "nav": 1e5} | asked)))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("SPYAGOLDbrk=.%-/0123456789eE +\n\x1b₿", max_size=9), max_size=4), st.data())
def test_any_words_give_a_file_or_a_sentence(words: list[str], data: st.DataObject) -> None:
    asked = {"SPY=60", *words} if data.draw(st.booleans()) else words
    classes = {word.rpartition("=")[0]: "bonds" for word in asked}
    try:
        text = text_of(*asked, classes=classes)
    except ConfigError:
        return
    tree = yaml.load(text, yaml.BaseLoader)
    targets = [Decimal(line["target"]) for line in tree["lines"].values()]
    assert abs(sum(targets) + Decimal(tree.get("target_cash", "0")) - 1) < Decimal("1e-9")


def test_positions_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv cannot be read"):
        new_text(NewFile(tmp_path / "my.yaml", positions=tmp_path / "none.csv"))


def test_a_row_of_a_users_table_without_a_class_needs_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBALANCE_DATA", str(tmp_path))
    (tmp_path / "instruments.csv").write_text("asset_id,asset_class\nBARE,\nOWN,private_credit\n")
    with pytest.raises(ConfigError, match=r"^BARE is not in .*, or has no class there\."):
        text_of("BARE=50", "OWN=50")
    assert "private_credit: {commission_bps: 5, half_spread_bps: 5}" in text_of("OWN=100", nav=1e6)
    assert "private_credit: {ticket: 5.9, half_spread_bps: 5}" in text_of("OWN=100")


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("mine")
    done = rebalance("new", file, *WORDS, "--nav", "1e5")
    assert (done.status, file.read_text()) == (2, "mine")
    assert "is there already, and is not overwritten" in done.said


# -- the command -----------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """Answers that are typed at a terminal."""

    def isatty(self) -> bool:
        return True


def test_the_command_writes_the_file_and_names_the_next_command(tmp_path: Path) -> None:
    done = rebalance("new", tmp_path / "my.yaml", *WORDS, "--nav", "100000", "--profile", "conservative")
    assert done.status == 0, done.err
    assert done.out.splitlines()[-1] == f"Next: rebalance data fetch {tmp_path / 'my.yaml'}"
    tree, _ = read_yaml(str(tmp_path / "my.yaml"))
    assert tree["market"] == {"source": "yahoo", "cash": "bill", "calendar": "XNYS"}


def test_class_and_currency_of_an_unknown_asset_are_asked_for_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("developed_equity\nEUR\n\n"))
    done = rebalance("new", tmp_path / "my.yaml", "SPY=50", "QZXE.DE=50", "--nav", "1e5")
    assert done.status == 0, done.err
    assert "QZXE.DE is not in the table of instruments" in done.err
    assert "Asset class of QZXE.DE (us_equity, " in done.err
    assert "Asset class" not in done.out
    line = read_yaml(str(tmp_path / "my.yaml"))[0]["lines"]["QZXE.DE"]
    assert (line["asset_class"], line["currency"]) == ("developed_equity", "EUR")


def test_a_terminal_that_answers_nothing_ends_the_command_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    done = rebalance("new", tmp_path / "my.yaml", "SPY=50", "QZXE.DE=50", "--nav", "1e5")
    assert (done.status, list(tmp_path.iterdir())) == (130, [])
    assert done.said.endswith("Interrupted; nothing unfinished was kept.\n")


def test_elsewhere_it_is_refused_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("developed_equity\nEUR\n"))
    done = rebalance("new", tmp_path / "my.yaml", "SPY=50", "QZXE.DE=50", "--nav", "1e5")
    assert (done.status, list(tmp_path.iterdir())) == (2, [])
    assert "--symbol QZXE.DE=us_equity" in done.said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--source", "yahoo", "--store", "mine"), "--source and --store exclude each other"),
        (("--symbol", "XYZ"), "--symbol is 'XYZ': write symbol=class"),
    ],
)
def test_options_that_contradict_are_refused(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = rebalance("new", tmp_path / "my.yaml", *WORDS, "--nav", "1e5", *words)
    assert done.status == 2
    assert said in done.said


def test_costs_are_known_of_each_class_of_the_table() -> None:
    classes = {one.asset_class for one in known_instruments().by_id.values()}
    assert classes | set(MULTI_ASSET_CLASSES.values()) <= set(CLASS_COSTS)
