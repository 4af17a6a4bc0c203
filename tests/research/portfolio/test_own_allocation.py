"""An allocation of a user's own, named in a portfolio file: alone, scaled, or combining others."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from cases import cases

from backtests.engine import backtest
from foundation.errors import ConfigError
from foundation.files import sha256_of
from research.allocation import ConstantExposure, EqualWeights, FixedWeights, MeanVariance, target_path
from research.forecast import Estimated
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.file.own_class import TRUST
from research.portfolio.keys.allocations import allocation_key, allocation_settings

FILE = Path(__file__).parents[3] / "data" / "portfolios" / "sixty_forty.yaml"
OWN = '''
from dataclasses import dataclass

import numpy as np

from research.allocation import Allocation


@dataclass(frozen=True)
class Momentum:
    """All of the assets that rose, in equal parts."""

    window: int = 63
    schedule: str = "month"

    def target(self, past):
        rose = past.returns[-self.window :].sum(axis=0) > 0
        return rose / max(rose.sum(), 1)


@dataclass(frozen=True)
class Mean:
    """The mean of other allocations' targets."""

    allocations: tuple[Allocation, ...]
    schedule: str = "month"

    @property
    def window(self):
        return max(one.window for one in self.allocations)

    def target(self, past):
        return np.mean([one.target(past) for one in self.allocations], axis=0)


class Plain:
    schedule, window = "month", 0

    def target(self, past):
        return None


@dataclass
class Mutable(Plain):
    size: int = 1
'''


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """Write the shipped portfolio with one more policy, `mine`, beside a module of this test's own name."""
    name = re.sub(r"\W", "_", request.node.name)
    monkeypatch.setenv(TRUST, "1")
    (tmp_path / f"{name}.py").write_text(OWN)

    def load(allocation: dict[str, Any]) -> Portfolio:
        content = yaml.safe_load(FILE.read_text())
        written = yaml.safe_dump({"rule": "calendar", "schedule": "month", "allocation": allocation})
        content["policies"]["mine"] = yaml.safe_load(written.replace("own:", f"{name}:"))
        (tmp_path / "desk.yaml").write_text(yaml.safe_dump(content))
        return load_portfolio(tmp_path / "desk.yaml")

    return load


def test_it_is_scaled_backtested_and_written_like_any_other(desk: Any, tmp_path: Path) -> None:
    portfolio = desk({"kind": "exposure", "exposure": 0.5, "of": {"kind": "own:Momentum", "window": 21}})
    held = portfolio.policies["mine"].allocation
    assert (held.exposure, held.allocation.window, allocation_key(held)) == (0.5, 21, None)
    written = portfolio.settings["policies"]["mine"]["allocation"]
    module = written["of"]["kind"].partition(":")[0]
    assert written["of"]["code"] == sha256_of(tmp_path / f"{module}.py")
    assert desk(written).policies["mine"] == portfolio.policies["mine"]
    played = backtest(portfolio.market, portfolio.policies["mine"], portfolio.costs, start=portfolio.test_start)
    assert played.targets.rows.sum(axis=1).max() == pytest.approx(0.5)


def test_one_that_combines_others_has_a_list_of_them(desk: Any) -> None:
    parts = [
        {"kind": "strategic"},
        {"kind": "own:Momentum"},
        {"kind": "exposure", "exposure": 0.5, "of": {"kind": "equal"}},
    ]
    portfolio = desk({"kind": "own:Mean", "of": parts})
    held, strategic = portfolio.policies["mine"].allocation, portfolio.strategic
    assert held.allocations[0] == strategic
    assert held.allocations[2] == ConstantExposure(EqualWeights(), 0.5)
    past = portfolio.market.past(400)
    assert held.target(past) == pytest.approx(np.mean([one.target(past) for one in held.allocations], axis=0))
    assert desk(portfolio.settings["policies"]["mine"]["allocation"]).policies["mine"] == portfolio.policies["mine"]


def test_what_is_nested_at_any_depth_gives_the_same_portfolio_when_it_is_written_and_read(desk: Any) -> None:
    inner = {"kind": "mean_variance", "upper": {"SPY": 0.4}, "forecast": {"covariance": "oas", "window": 126}}
    deep: dict[str, Any] = inner
    for k in range(8):
        deep = {"kind": "exposure", "exposure": 1.0 - 0.1 * k, "of": deep}
    portfolio = desk({"kind": "volatility_target", "volatility": 0.05, "of": deep})
    again = desk(yaml.safe_load(yaml.safe_dump(portfolio.settings["policies"]["mine"]["allocation"])))
    assert again.policies["mine"] == portfolio.policies["mine"]
    assert again.settings == portfolio.settings
    first, second = (target_path(one.policies["mine"].allocation, one.market, start=2500) for one in (portfolio, again))
    assert (first.rows == second.rows).all()


def test_bounds_by_name_are_written_by_name() -> None:
    held = MeanVariance(forecast=Estimated(window=60), upper={"B": 0.5, "A": 0.25})
    assert allocation_settings(held)["upper"] == {"A": 0.25, "B": 0.5}
    assert allocation_settings(FixedWeights((0.5, 0.5))) == {"kind": "strategic", "unlisted": "pro_rata"}


@cases(
    "allocation, message",
    ({"kind": "own:Plain"}, r"allocation\.kind: Plain is no allocation .* Make it a frozen dataclass with a method"),
    ({"kind": "own:Mutable"}, r"allocation\.kind: Mutable is no allocation"),
    ({"kind": "own:None"}, r"allocation\.kind: module \w+ has no class None"),
    ({"kind": "own:Momentum", "windows": 3}, r"allocation\.windows: unknown key .*Did you mean 'window'"),
    ({"kind": "own:Momentum", "code": "f00"}, r"allocation\.code: the source of \w+:Momentum has another sha256"),
    ({"kind": "own:Mean"}, r"allocation\.of: missing .*Add `of:`"),
    ({"kind": "own:Mean", "of": {"kind": "equal"}}, r"allocation\.of: not a list"),
    ({"kind": "own:Mean", "of": [{"kind": "equal"}, {"kind": "hpr"}]}, r"allocation\.of\.1\.kind: unknown kind .*hpr"),
)
def test_what_is_no_allocation_is_refused_with_its_place(desk: Any, allocation: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        desk(allocation)


def test_without_trust_no_code_runs(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TRUST)
    said = r"mine\.allocation\.kind: an allocation of your own runs code .*--trust-code"
    with pytest.raises(ConfigError, match=said):
        desk({"kind": "own:Momentum"})
