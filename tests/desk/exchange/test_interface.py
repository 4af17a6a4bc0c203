"""`from desk import IExchange, PortfolioManager`: what their users know works, and what they lack is said."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

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
    """An exchange in memory, which takes 10 bp of a trade. fails : the trade, from 1, at which it gives no answer."""

    def __init__(self, fails: int = 0, refuses: str = "", **held: str) -> None:
        self.balances = {asset: Decimal(units) for asset, units in held.items()}
        self.fails, self.refuses, self.trades = fails, refuses, 0

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
    assert kinds(tmp_path) == ["list", *["order", "acknowledgement"] * 3, "fill", "fill", "fill"]
    assert manager.rebalance_portfolio(held)["status"] == "nothing_to_do"


def test_a_dry_run_trades_nothing(manager: PortfolioManager, tmp_path: Path) -> None:
    held = exchange()
    done = manager.rebalance_portfolio(held, dry_run=True)
    assert (done["status"], held.trades, len(done["trades"])) == ("dry_run", 0, 3)
    assert {trade["status"] for trade in done["trades"]} == {"not sent"}
    assert kinds(tmp_path) == []


def test_after_a_trade_without_an_answer_nothing_more_is_traded(manager: PortfolioManager, tmp_path: Path) -> None:
    held = exchange(fails=2)
    with pytest.warns(UserWarning, match="no client ids"):
        done = manager.rebalance_portfolio(held)
    assert (done["status"], held.trades) == ("partial", 2)
    assert [trade["status"] for trade in done["trades"]] == ["filled", "not sent", "not sent"]
    assert "It is not known whether Ledger has it: TimeoutError: no answer in 10 s" in done["errors"][0]
    assert kinds(tmp_path) == ["list", "order", "acknowledgement", "order", "fill"]


@pytest.mark.parametrize("answer", [None, {"price": "n/a"}, {"amount": Decimal("NaN")}, {"fee": None, "price": 0}])
def test_an_answer_that_cannot_be_read_is_no_answer(
    manager: PortfolioManager, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = exchange()
    monkeypatch.setattr(held, "execute_trade", lambda *_: answer)
    with pytest.warns(UserWarning, match="no client ids"):
        done = manager.rebalance_portfolio(held)
    assert [trade["status"] for trade in done["trades"]] == ["not sent"] * 3
    assert "It is not known whether Ledger has it: " in done["errors"][0]


def test_a_refused_trade_leaves_its_buy_waiting_for_the_cash(manager: PortfolioManager) -> None:
    held = exchange(refuses="BTC")
    held.balances["USDT"] = Decimal(10_000)
    with pytest.warns(UserWarning, match="no client ids"):
        done = manager.rebalance_portfolio(held)
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
