"""Simulations on disk: read when nothing changed, played anew when anything did or the file is damaged."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from simulated import world

import foundation.stored
from backtests.comparison import above_best as bounds
from backtests.comparison import kept_simulations
from backtests.comparison import simulated_tests as module
from backtests.comparison.above_best import AboveBest, above_best
from backtests.comparison.fitting.tuning import with_last_day
from backtests.comparison.simulated_tests import SimulatedTests, simulated_tests
from backtests.engine import Backtest, backtest
from backtests.evaluation.benchmark import Benchmark
from research.accounting import Costs
from research.allocation import FixedWeights
from research.learning.universal.rule import Universal
from research.rules import Rule, Threshold

HELD = FixedWeights((0.6, 0.4))
COSTS = Costs.bps(2, commission=5, half_spread=5)
BAND = Threshold(HELD, band=0.02)


@dataclass(frozen=True)
class Own(Threshold):
    """A class of a user's own."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept_simulations, "SIMULATIONS_FOLDER", tmp_path)
    monkeypatch.setattr(module, "TESTS", 3)
    return tmp_path


@pytest.fixture
def asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of policies that were played, each time."""
    found: list[str] = []
    play = module._played

    def counted(policies, *given):
        found.extend(policies)
        return play(policies, *given)

    monkeypatch.setattr(module, "_played", counted)
    return found


def real(rule: Rule = BAND, costs: Costs = COSTS, seed: int = 4, **others) -> dict[str, Backtest]:
    market = world(days=400, n=2, seed=seed)
    return {"rule": backtest(market, rule, costs, **({"start": market.dates[300], "name": "rule"} | others))}


def simulated(played: dict[str, Backtest]) -> SimulatedTests:
    found = simulated_tests(played, Benchmark.of(next(iter(played.values())), 5.0))
    assert found is not None
    return found


def test_the_second_time_they_are_read_with_the_same_bits(asked: list[str]) -> None:
    first, second = simulated(real()), simulated(real(replace(BAND)))
    assert asked == ["rule"]
    for part in ("cost", "squares", "variance"):
        assert np.array_equal(getattr(first, part), getattr(second, part))
    assert first.years == second.years


def test_only_the_policy_that_is_new_is_played(asked: list[str]) -> None:
    one = simulated(real())
    both = simulated(real() | {"wide": real(Threshold(HELD, band=0.05), name="wide")["rule"]})
    assert asked == ["rule", "wide"]
    assert np.array_equal(both.cost[:, 0], one.cost[:, 0])
    assert both.cost[:, 1].sum() < both.cost[:, 0].sum()


@pytest.mark.parametrize("changed", [
    {"rule": Threshold(HELD, band=0.021)},
    {"costs": Costs.bps(2, commission=5, half_spread=5.1)},
    {"seed": 5},
    {"lag": 0},
    {"nav": 2.0},
    {"start": "2021-04-01"},
])  # fmt: skip
def test_any_other_input_is_another_simulation(asked: list[str], changed: dict) -> None:
    simulated(real())
    simulated(real(**changed))
    assert asked == ["rule", "rule"]


@pytest.mark.parametrize("what", ["code", "libraries", "tests"])
def test_other_code_libraries_or_numbers_of_tests_play_anew(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    simulated(real())
    if what == "code":
        monkeypatch.setattr(foundation.stored, "sources_digest", lambda packages: b"edited code")
    elif what == "libraries":
        monkeypatch.setattr(kept_simulations, "version_of", lambda name: "0")
    else:
        monkeypatch.setattr(module, "TESTS", 4)
    simulated(real())
    assert asked == ["rule", "rule"]


def test_the_code_of_all_that_plays_them_counts() -> None:
    assert kept_simulations._StoredSimulation.packages == ("foundation", "research", "backtests")


@pytest.mark.parametrize(
    "rule", [Own(HELD, band=0.02), with_last_day(Own(HELD, band=0.02), np.datetime64("2000-01-03"))]
)
def test_a_class_of_ones_own_is_played_each_time(asked: list[str], folder: Path, rule: Rule) -> None:
    for _ in range(2):
        simulated(real(rule))
    assert asked == ["rule", "rule"]
    assert not list(folder.iterdir())


def test_another_universal_network_is_another_policy(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    rule, (net, standard, card) = Universal(HELD), kept_simulations.trained()
    simulated(real(rule))
    simulated(real(rule))
    assert asked == ["rule"]
    other = net._replace(bias_3=net.bias_3 + 0.1)
    monkeypatch.setattr(kept_simulations, "trained", lambda: (other, standard, card))
    simulated(real(rule))
    assert asked == ["rule", "rule"]


def test_a_damaged_file_is_played_anew_and_replaced(asked: list[str], folder: Path) -> None:
    first = simulated(real())
    (file,) = folder.iterdir()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert np.array_equal(simulated(real()).cost, first.cost)
    assert asked == ["rule", "rule"]
    simulated(real())
    assert asked == ["rule", "rule"]


def test_a_folder_that_cannot_be_written_is_no_error(
    asked: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "file").write_text("")
    monkeypatch.setattr(kept_simulations, "SIMULATIONS_FOLDER", folder / "file")
    assert np.array_equal(simulated(real()).cost, simulated(real()).cost)
    assert asked == ["rule", "rule"]


def test_losses_over_the_best_possible_are_kept_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(name):
        whole = getattr(bounds, name)
        monkeypatch.setattr(bounds, name, lambda *given, **others: (asked.append(name), whole(*given, **others))[1])

    counted("play")
    counted("lower_bound")
    monkeypatch.setattr(bounds, "PATHS", 2)
    monkeypatch.setattr(bounds, "YEARS", 1)
    tests = SimulatedTests(("rule",), *[np.ones((2, 1))] * 5, np.ones(2), 2.0)

    def found(played: dict[str, Backtest], penalty: float = 5.0) -> AboveBest:
        stated = above_best(played, Benchmark.of(played["rule"], penalty), tests)
        assert isinstance(stated, AboveBest)
        return stated

    first = found(real())
    assert (found(real()), asked) == (first, ["lower_bound", "play"])
    assert found(real(Threshold(HELD, band=0.05))).bound == first.bound
    assert asked == ["lower_bound", "play", "play"]
    assert found(real(), penalty=6.0) != first
    assert asked == ["lower_bound", "play", "play", "lower_bound", "play"]
