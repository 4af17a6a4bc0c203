"""A rule of a user's own, named in a portfolio file: trusted, found, checked, written, and read again."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cases import cases
from commanded import rebalance

from backtests.comparison.comparison import compare
from backtests.sheets.pages.tearsheet import comparison_html
from foundation.errors import ConfigError
from foundation.files import sha256_of
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.file.own_class import TRUST
from research.rules import Calendar

FILE = Path(__file__).parents[3] / "data" / "portfolios" / "sixty_forty.yaml"
OWN = '''
from dataclasses import dataclass

import numpy as np

from research.accounting import Hold, Trade, Why
from research.allocation import Allocation


@dataclass(frozen=True)
class Wide:
    """Trade to target where a weight is off by more than `band`."""

    allocation: Allocation
    tracking_penalty: float
    band: float = 0.05

    def decide(self, view):
        off = np.abs(view.weights - view.target).max()
        return Trade.to(view.target, Why("too far")) if off > self.band else Hold(Why("near"))


class Plain:
    def decide(self, view):
        return Hold()
'''


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """Write the shipped portfolio with one more policy, `mine`, beside a module of this test's own name."""
    name = re.sub(r"\W", "_", request.node.name)
    monkeypatch.setenv(TRUST, "1")

    def load(module: str = OWN, rule: str = "Wide", **settings: Any) -> Portfolio:
        (tmp_path / f"{name}.py").write_text(module)
        content = yaml.safe_load(FILE.read_text())
        content["policies"]["mine"] = {"rule": f"{name}:{rule}", **settings}
        (tmp_path / "desk.yaml").write_text(yaml.safe_dump(content))
        return load_portfolio(tmp_path / "desk.yaml")

    return load


def test_it_is_compared_and_shown_like_any_other(desk: Any) -> None:
    """It does what a threshold to target does that is checked daily, with a reason of its own."""
    portfolio = desk(band=0.03)
    found = compare(portfolio, only=["quarterly", "threshold", "mine"], draws=200)
    assert found.scores["mine"]["loss"] == pytest.approx(found.scores["threshold"]["loss"], rel=1e-12)
    assert "mine" in comparison_html(found)
    assert portfolio.policies["mine"].tracking_penalty == 5.0  # the file's


def test_its_settings_name_it_and_its_source_and_are_read_again(desk: Any, tmp_path: Path) -> None:
    portfolio = desk(band=0.03)
    written = portfolio.settings["policies"]["mine"]
    rule = written["rule"]
    assert written["code"] == sha256_of(tmp_path / f"{rule.partition(':')[0]}.py")
    again = {name: written[name] for name in ("band", "code")}
    assert desk(**again).policies["mine"] == portfolio.policies["mine"]
    with pytest.raises(ConfigError, match=r"policies\.mine\.code: the source of .*:Wide has another sha256"):
        desk(code="0" * 64)


def test_an_edited_module_is_read_anew(desk: Any) -> None:
    first = desk()
    second = desk(OWN.replace("band: float = 0.05", "band: float = 0.07"))
    assert (first.policies["mine"].band, second.policies["mine"].band) == (0.05, 0.07)
    code = [one.settings["policies"]["mine"]["code"] for one in (first, second)]
    assert code[0] != code[1]


def test_the_command_line_plays_it_when_told_to_trust(
    desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk()
    monkeypatch.delenv(TRUST)
    words = ["research", "backtest", tmp_path / "desk.yaml", "--policy", "mine", "--home", tmp_path]
    refused = rebalance(*words)
    assert (refused.status, "--trust-code" in refused.err) == (2, True)
    done = rebalance(*words, "--trust-code")
    assert done.status == 0, done.err


def test_trust_in_one_file_is_none_in_another_that_is_read_meanwhile(
    desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trusted module reads the file of somebody else, as another thread of the process may."""
    desk()
    monkeypatch.delenv(TRUST)
    other, ran = tmp_path / "other", tmp_path / "ran"
    other.mkdir()
    (other / "others_rule.py").write_text(f"open({str(ran)!r}, 'w')")
    foreign = FILE.read_text().replace("policies:\n", "policies:\n  theirs: {rule: others_rule:Rule}\n")
    (other / "desk.yaml").write_text(foreign)
    (module,) = tmp_path.glob("*.py")
    reads = (
        f"try:\n    load_portfolio({str(other / 'desk.yaml')!r})\nexcept ValueError as error:\n    said = str(error)\n"
    )
    module.write_text(f"from research.portfolio import load_portfolio\n{reads}{OWN}")
    done = rebalance("allocate", tmp_path / "desk.yaml", "--policy", "mine", "--trust-code")
    assert done.status == 0, done.err
    assert not ran.exists()
    assert "policies.theirs.rule: a rule of your own runs code" in sys.modules[module.stem].said
    assert load_portfolio(tmp_path / "desk.yaml", trust_code=True).trust_code
    monkeypatch.setenv(TRUST, "1")
    with pytest.raises(ConfigError, match="a rule of your own runs code"):
        load_portfolio(tmp_path / "desk.yaml", trust_code=False)


def test_without_trust_no_code_runs(desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TRUST)
    ran = tmp_path / "ran"
    with pytest.raises(ConfigError, match=r"policies\.mine\.rule: a rule of your own runs code .*--trust-code"):
        desk(f"open({str(ran)!r}, 'w')")
    assert not ran.exists()


@cases(
    "module, rule, said",
    ("raise ValueError('no')", "Wide", r"cannot be imported \(ValueError: no\)"),
    ("import sys; sys.exit(3)", "Wide", r"cannot be imported \(SystemExit: 3\)"),
    ("import research.trading", "Wide", r"No module named 'research\.trading'"),
    (OWN, "Narrow", "has no class Narrow"),
    (OWN, "np", "has no class np"),
    (OWN, "Plain", "Plain is no rule .* Make it a frozen dataclass"),
    (OWN, "Wide.decide", "not an import path"),
)
def test_what_is_no_rule_is_refused_with_its_place(desk: Any, module: str, rule: str, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"policies\.mine\.rule: .*{said}"):
        desk(module, rule)


def test_a_module_that_is_missing_is_named(desk: Any) -> None:
    desk()
    with pytest.raises(ConfigError, match=r"module not_here cannot be imported \(ModuleNotFoundError"):
        load_portfolio(FILE, {"policies.mine": {"rule": "not_here:Rule"}})


def test_of_two_modules_of_one_name_neither_is_taken_for_the_other(desk: Any, tmp_path: Path) -> None:
    portfolio = desk()
    other = tmp_path / "other"
    other.mkdir()
    module = portfolio.settings["policies"]["mine"]["rule"].partition(":")[0]
    for name in ("desk.yaml", f"{module}.py"):
        (other / name).write_bytes((tmp_path / name).read_bytes())
    with pytest.raises(ConfigError, match=rf"{module}\.py beside the file is not what is imported as {module}"):
        load_portfolio(other / "desk.yaml")


def test_its_settings_are_checked(desk: Any) -> None:
    with pytest.raises(ConfigError, match=r"policies\.mine\.band: not a number .*found 'wide'"):
        desk(band="wide")
    with pytest.raises(ConfigError, match=r"policies\.mine\.bandd: unknown key"):
        desk(bandd=0.1)


def test_a_shipped_rule_takes_no_code() -> None:
    with pytest.raises(ConfigError, match=r"policies\.quarterly\.code: unknown key"):
        load_portfolio(FILE, {"policies.quarterly.code": "0" * 64})
    portfolio = load_portfolio(FILE)
    assert portfolio.policies["quarterly"] == Calendar(portfolio.strategic, "quarter")
    assert "code" not in portfolio.settings["policies"]["quarterly"]
