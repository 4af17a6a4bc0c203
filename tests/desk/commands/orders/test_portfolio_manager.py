"""`from desk import IExchange, PortfolioManager`: what their users know works, and what they lack is said."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commanded import ROOT

from desk import IExchange, PortfolioManager
from desk.exchange.exchange_venue import ExchangeVenue
from desk.exchange.venue import NotKnown
from desk.journal import Journal, verify
from foundation.errors import ConfigError, DataError

FILE = ROOT / "data" / "examples" / "orders_on_an_exchange.yaml"
FRIDAY = datetime(2022, 12, 30, 15, 0, tzinfo=UTC)
PRICES = {"BTC": Decimal("16642.34"), "GLD": Decimal("168.85"), "SPY": Decimal("383.44")}


class Ledger(IExchange):
    """An exchange in memory, which takes 10 bp of a trade.

    fails : the trade, from 1, at which it gives no answer. part : part of the units that it trades.
    """

    def __init__(self, fails: int = 0, refuses: str = "", part: str = "1", **held: str) -> None:
        self.balances = {asset: Decimal(units) for asset, units in held.items()}
        self.fails, self.refuses, self.part, self.trades = fails, refuses, Decimal(part), 0

    def get_account_balances(self) -> dict[str, Decimal]:
        return dict(self.balances)

    def get_ticker_prices(self, assets: Sequence[str]) -> dict[str, Decimal]:
        return {asset: PRICES[asset] for asset in assets}

    def get_portfolio_value(self) -> Decimal:
        return sum((PRICES.get(asset, Decimal(1)) * units for asset, units in self.balances.items()), Decimal())

    def execute_trade(self, asset: str, amount: Decimal, side: str, order_type: str = "market") -> dict[str, Any]:
        self.trades += 1
        if asset == self.refuses:
            return {"status": "rejected", "reason": "trading of it is suspended"}
        amount *= self.part
        way, fee = (1 if side == "buy" else -1), amount * PRICES[asset] / 1000
        self.balances[asset] = self.balances.get(asset, Decimal()) + way * amount
        self.balances["USDT"] -= way * amount * PRICES[asset] + fee
        if self.trades == self.fails:
            raise TimeoutError("no answer in 10 s")
        return {"id": f"t{self.trades}", "price": PRICES[asset], "amount": amount, "fee": fee}

    def get_historical_data(
        self, assets: Sequence[str], start_time: datetime, end_time: datetime | None = None, interval: str = "1d"
    ) -> pd.DataFrame:
        return pd.DataFrame({asset: [float(PRICES[asset])] for asset in assets}, [pd.Timestamp(start_time)])


def exchange(**how: Any) -> Ledger:
    return Ledger(BTC="1.9", GLD="95", SPY="40", USDT="31000", **how)


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PortfolioManager:
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "home"))
    return PortfolioManager(FILE, money="USDT", clock=lambda: FRIDAY)


def rebalanced(manager: PortfolioManager, held: Ledger) -> dict[str, Any]:
    """What became of a rebalancing, which warns of what an exchange without client ids lacks."""
    with pytest.warns(UserWarning, match="no client ids"):
        return manager.rebalance_portfolio(held)


def kinds(folder: Path) -> list[str]:
    with Journal(folder / "home") as journal:
        assert not verify(journal).faults
        return [entry.kind for entry in journal.entries()]


def test_the_allocation_is_that_of_the_balances(manager: PortfolioManager) -> None:
    held = exchange()
    value = float(held.get_portfolio_value())
    assert value == pytest.approx(93_998.796, abs=0.001)
    assert manager.get_current_allocation(held) == pytest.approx(
        {"BTC": 1.9 * 16_642.34 / value, "GLD": 95 * 168.85 / value, "SPY": 40 * 383.44 / value}, rel=1e-12
    )


def test_a_portfolio_is_rebalanced_and_then_there_is_nothing_to_do(manager: PortfolioManager, tmp_path: Path) -> None:
    held = exchange()
    with pytest.warns(UserWarning, match="It takes no client ids: an order that gets no answer is neither asked"):
        done = manager.rebalance_portfolio(held)
    assert (done["status"], done["errors"]) == ("completed", [])
    assert [(t["type"], t["asset"], t["status"]) for t in done["trades"]] == [
        ("sell", "BTC", "filled"), ("sell", "SPY", "filled"), ("buy", "GLD", "filled"),
    ]  # fmt: skip
    assert done["initial_allocation"]["BTC"] == pytest.approx(0.3364, abs=1e-4)
    assert manager.get_current_allocation(held) == pytest.approx(done["target_allocation"], abs=2e-3)
    assert kinds(tmp_path) == ["list", *["order", "fill", "acknowledgement"] * 3]
    assert manager.rebalance_portfolio(held)["status"] == "nothing_to_do"


def test_a_dry_run_trades_nothing(manager: PortfolioManager, tmp_path: Path) -> None:
    held = exchange()
    done = manager.rebalance_portfolio(held, dry_run=True)
    assert (done["status"], held.trades, len(done["trades"])) == ("dry_run", 0, 3)
    assert {trade["status"] for trade in done["trades"]} == {"not sent"}
    assert kinds(tmp_path) == []


def test_after_a_trade_without_an_answer_nothing_more_is_traded(manager: PortfolioManager, tmp_path: Path) -> None:
    held = exchange(fails=2)
    done = rebalanced(manager, held)
    assert (done["status"], held.trades) == ("partial", 2)
    assert [trade["status"] for trade in done["trades"]] == ["filled", "not known", "not sent"]
    assert "It is not known whether Ledger has it: TimeoutError: no answer in 10 s" in done["errors"][0]
    assert kinds(tmp_path) == ["list", "order", "fill", "acknowledgement", "order"]


def test_no_list_is_sent_until_a_person_says_what_became_of_an_order_without_an_answer(
    manager: PortfolioManager, tmp_path: Path
) -> None:
    held = exchange(fails=2)
    rebalanced(manager, held)
    held.fails, trades = 0, held.trades
    held.balances["USDT"] -= 1  # another list, with other ids
    done = manager.rebalance_portfolio(held)
    assert (done["status"], held.trades) == ("failed", trades)
    (order,) = re.findall(r"Order (\S+) of an earlier list got no answer from Ledger", " ".join(done["errors"]))
    manager.settle(order, traded=True)
    with pytest.raises(ConfigError, match="has its answer"):
        manager.settle(order, traded=True)
    with pytest.raises(ConfigError, match="was not sent"):
        manager.settle("20221229-0", traded=True)
    assert rebalanced(manager, held)["status"] == "completed"


def test_a_trade_in_part_is_said_and_the_next_list_completes_it(manager: PortfolioManager, tmp_path: Path) -> None:
    held = exchange(part="0.5")
    done = rebalanced(manager, held)
    assert (done["status"], held.trades) == ("partial", 3)
    assert [trade["status"] for trade in done["trades"]] == ["cancelled"] * 3
    assert done["trades"][0]["reason"] == "0.903912235 of 1.80782447 were traded"
    assert kinds(tmp_path) == ["list", *["order", "fill", "acknowledgement", "cancellation"] * 3]
    held.part = Decimal(1)
    assert rebalanced(manager, held)["status"] == "completed"
    assert manager.rebalance_portfolio(held)["status"] == "nothing_to_do"


ANSWERS = {
    "nothing": (None, "it answered None"),
    "a word": ("ok", "it answered 'ok'"),
    "open": ({"status": "open"}, r"it answered \{'status': 'open'\}"),
    "no number": ({"amount": "nan"}, "quantity is 'nan'"),
    "below zero": ({"amount": -1}, "quantity is '-1'"),
    "more": ({"amount": 1e9}, "it says that 1000000000.0 of 1.80782447 were traded"),
    "no fee": ({"fee": {"cost": 1}}, "fees: fees is "),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_that_cannot_be_right_is_no_fill(
    manager: PortfolioManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    answer, said = ANSWERS[case]
    held = exchange()
    monkeypatch.setattr(held, "execute_trade", lambda *_: answer)
    done = rebalanced(manager, held)
    assert done["status"] == "failed"
    assert [trade["status"] for trade in done["trades"]] == ["not known", "not sent", "not sent"]
    assert re.search(said, done["errors"][0])
    assert re.fullmatch(r"Ledger gives no answer .* Look there for order 20221230-.* to sell .* BTC", done["errors"][1])
    assert kinds(tmp_path) == ["list", "order"]


def test_balances_and_prices_may_be_floats_and_have_eighteen_decimals(manager: PortfolioManager) -> None:
    held = exchange()
    held.balances |= {"BTC": Decimal("1.900000000000000001"), "SPY": 40.0}  # type: ignore[dict-item]
    assert manager.rebalance_portfolio(held, dry_run=True)["errors"] == []


def test_a_price_that_is_none_is_said_before_anything_is_traded(
    manager: PortfolioManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = exchange()
    monkeypatch.setitem(held.balances, "GLD", Decimal("NaN"))
    with pytest.raises(
        NotKnown, match=r"^Ledger states Decimal\('NaN'\) as the balance of GLD: it has to be a number\."
    ):
        manager.rebalance_portfolio(held)
    for stated in ({}, {"GLD": None}, {"GLD": 0}, {"GLD": "n/a"}):
        monkeypatch.setattr(held, "get_ticker_prices", lambda _, own=stated: {**PRICES, "GLD": None, **own})
        monkeypatch.setitem(held.balances, "GLD", Decimal(95))
        with pytest.raises(NotKnown, match=r"^Ledger states .* as the price of GLD: .* above zero\. Ask it again, or"):
            manager.rebalance_portfolio(held)
    assert (held.trades, kinds(tmp_path)) == (0, [])


def test_fills_are_journalled_where_prices_stop(manager: PortfolioManager, tmp_path: Path) -> None:
    held, ask = exchange(), Ledger.get_ticker_prices

    def prices(assets: Sequence[str]) -> dict[str, Decimal]:
        if held.trades:
            raise ConnectionError("no route to host")
        return ask(held, assets)

    held.get_ticker_prices = prices  # type: ignore[method-assign]
    done = rebalanced(manager, held)
    assert (done["status"], held.trades) == ("partial", 1)
    assert "Ledger gives no answer: ConnectionError: no route to host" in done["errors"][0]
    assert kinds(tmp_path) == ["list", "order", "fill", "acknowledgement", "order"]


def test_a_refused_trade_leaves_its_buy_waiting_for_the_cash(manager: PortfolioManager) -> None:
    held = exchange(refuses="BTC")
    held.balances["USDT"] = Decimal(10_000)
    done = rebalanced(manager, held)
    assert done["status"] == "partial"
    assert [trade["status"] for trade in done["trades"]] == ["refused", "filled", "not sent"]
    assert done["trades"][0]["reason"] == "trading of it is suspended"
    assert done["trades"][2]["reason"].startswith("it needs ")


def test_a_check_that_fails_trades_nothing(manager: PortfolioManager, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "STOP").touch()
    held = exchange()
    done = manager.rebalance_portfolio(held)
    assert (done["status"], held.trades) == ("failed", 0)
    assert "stops all sending" in done["errors"][0]


def test_a_policy_that_has_to_be_fitted_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path))
    file = tmp_path / "tuned.yaml"
    file.write_text(FILE.read_text().split("policies:")[0] + "policies: {tuned: {rule: tuned}}\npolicy: tuned\n")
    with pytest.raises(ConfigError, match="has the policy 'tuned', which has to be fitted first"):
        PortfolioManager(file, "USDT", lambda: FRIDAY).rebalance_portfolio(exchange())


def test_the_exchange_as_a_venue_says_what_it_cannot_do() -> None:
    venue = ExchangeVenue(exchange(), "USDT", "USD", lambda: FRIDAY)
    assert (venue.name, venue.cash(""), venue.open_orders()) == ("Ledger", {"USD": Decimal(31_000)}, [])
    with pytest.raises(NotKnown, match="takes no client ids"):
        venue.state("x")
    with pytest.raises(DataError, match="no open order to cancel"):
        venue.cancel("x")


CONFIGURATION = """\
portfolio_type: mixed_crypto_stable
risk_profile: moderate
stablecoin_fraction: 0.3
rebalancing_frequency: daily
volatility_target: 0.15
max_drawdown_limit: 0.25
correlation_threshold: 0.7
strategy: {name: hierarchical_risk_parity, lookback_period: 180, rebalancing_threshold: 0.1}
trading: {execution_style: twap, max_slippage: 0.01, min_trade_value: 10.0, base_currency: USDT}
"""


class WithHistory(Ledger):
    """A ledger with days of closes that end at its prices."""

    def get_historical_data(
        self, assets: Sequence[str], start_time: datetime, end_time: datetime | None = None, interval: str = "1d"
    ) -> pd.DataFrame:
        days = pd.date_range(start_time.date(), "2022-12-29")
        walk = np.random.default_rng(3).normal(0.0, [0.03, 0.01], (len(days), 2)).cumsum(axis=0)
        self.closes = pd.DataFrame(np.exp(walk - walk[-1]) * [16_642.34, 168.85], days, ["BTC", "GLD"])
        return self.closes[list(assets)]


def test_a_configuration_is_rebalanced_by_what_the_exchange_holds_and_remembers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two assets hierarchical risk parity is that of inverse variances (Lopez de Prado 2016)."""
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "home"))
    (tmp_path / "portfolio_config.yaml").write_text(CONFIGURATION)
    manager = PortfolioManager(tmp_path / "portfolio_config.yaml", clock=lambda: FRIDAY)
    held = WithHistory(BTC="1.9", GLD="95", USDT="31000")
    done = rebalanced(manager, held)
    assert (done["status"], done["errors"]) == ("completed", [])
    inverse = 1.0 / held.closes.pct_change().tail(180).var()
    target = 0.7 * inverse / inverse.sum()
    assert done["target_allocation"] == pytest.approx(target.to_dict(), abs=1e-9)
    assert manager.get_current_allocation(held) == pytest.approx(done["target_allocation"], abs=2e-3)
    assert {trade["type"]: trade["asset"] for trade in done["trades"]} == {"sell": "BTC", "buy": "GLD"}


def test_a_configuration_needs_assets_and_their_history(tmp_path: Path) -> None:
    (tmp_path / "portfolio_config.yaml").write_text(CONFIGURATION)
    manager = PortfolioManager(tmp_path / "portfolio_config.yaml", clock=lambda: FRIDAY)
    with pytest.raises(ConfigError, match=r"Ledger holds no assets but money\. List those that you want, at 0 units"):
        manager.get_current_allocation(Ledger(USDT="100"))
    with pytest.raises(ConfigError, match="get_historical_data gave no table of two days or more with BTC"):
        manager.get_current_allocation(Ledger(USDT="100", BTC="0"))
