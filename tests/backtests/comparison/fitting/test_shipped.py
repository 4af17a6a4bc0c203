"""A training that comes with the workbench is loaded where it is that of the file, and else the reason is said."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtests.comparison.fitting import candidates
from backtests.comparison.fitting.candidates import Fitted, fit, market_before_test, training_costs
from backtests.runs.manifest import read_manifest
from desk.commands.report import make_backtest
from foundation.errors import DataError
from research.learning import Learned
from research.learning.training import load_training
from research.portfolio import Portfolio, load_portfolio

FOLDER = Path(__file__).parents[4] / "data" / "portfolios"
SMALL = {"population": 8, "elite": 3, "worlds": 16, "decisions": 52}
SPEC = {"rule": "learned", "steps": 1_000, "seeds": [1, 2], "learner": "cross_entropy", "cross_entropy": SMALL}


def desk(**keys: Any) -> Portfolio:
    return load_portfolio(FOLDER / "sixty_forty.yaml", {"policies.rl": SPEC} | keys)


@pytest.fixture(scope="module")
def trained() -> Fitted:
    return fit("rl", desk(), retrain=True)


@pytest.fixture
def shipped(trained: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the training, as if it came with the workbench."""
    monkeypatch.setattr(candidates, "SHIPPED_TRAININGS", tmp_path)
    return trained.training.save(tmp_path / "sixty_forty" / "rl")


def test_the_example_portfolio_comes_with_its_training() -> None:
    portfolio = load_portfolio(FOLDER / "global_multi_asset.yaml")
    fitted, spec = fit("rl", portfolio), portfolio.policies["rl"]
    assert fitted.origin.startswith("Trained on 2007-07-26 to 2014-12-31, and loaded from data/policies/global_multi_")
    assert tuple(fitted.seeds) == spec.seeds
    folder = candidates.SHIPPED_TRAININGS / "global_multi_asset" / "rl"
    assert sum(path.stat().st_size for path in folder.rglob("*")) < 300_000  # bytes


def test_terminal_and_run_say_that_a_training_was_loaded(tmp_path: Path) -> None:
    made = make_backtest(FOLDER / "global_multi_asset.yaml", "rl", tmp_path)
    notes = read_manifest(made.folder)["notes"]["rl"]
    assert notes[0].startswith("Trained on 2007-07-26 to 2014-12-31, and loaded from data/policies/")
    assert all(f"rl: {note}" in made.text for note in notes)


def test_what_is_loaded_is_what_was_trained(trained: Fitted, shipped: Path) -> None:
    found, other = fit("rl", desk()), trained.training
    assert found.origin.endswith("; --retrain trains it anew.")
    assert (found.training.losses, found.training.chosen) == (other.losses, other.chosen)
    assert (found.training.closed_form, found.training.never) == (other.closed_form, other.never)
    for seed, policy in found.seeds.items():
        assert policy.schedule == other.policies[seed].schedule
        assert policy.seen == other.policies[seed].seen
        for name in ("net", "standard", "scales"):
            for one, two in zip(getattr(policy, name), getattr(other.policies[seed], name), strict=True):
                np.testing.assert_array_equal(one, two)
    assert (found.tried, found.notes[1:]) == (trained.tried, trained.notes)


def test_seeds_beyond_those_of_the_file_are_left_out_and_a_stated_schedule_is_obeyed(shipped: Path) -> None:
    one = fit("rl", desk(**{"policies.rl": SPEC | {"seeds": [2], "schedule": "week"}}))
    assert tuple(one.seeds) == (2,)
    assert one.policy.schedule == "week"  # type: ignore[attr-defined]
    assert "loaded from" in one.origin


@pytest.mark.parametrize(("keys", "words"), [
    ({"policies.rl": SPEC | {"steps": 2_000}}, "it differs in settings."),
    ({"tracking_penalty": 7.0}, "it differs in tracking_penalty."),
    ({"test_start": "2011-06-01"}, "it differs in data."),
    ({"lag": 2, "costs.bonds.commission_bps": 9.0}, "it differs in costs and lag."),
    ({"lines.AGG.target": 0.38, "target_cash": 0.02}, "it differs in target."),
    ({"policies.rl": SPEC | {"seeds": [1, 3]}}, "seed-3/card.json cannot be read"),
])  # fmt: skip
def test_another_training_is_not_loaded_and_the_reason_is_said(shipped: Path, keys: dict[str, Any], words: str) -> None:
    fitted = fit("rl", desk(**keys))
    assert fitted.origin.startswith("Trained anew: ")
    assert words in fitted.origin
    assert str(shipped) not in fitted.origin
    assert set(fitted.seeds) == set(desk(**keys).policies["rl"].seeds)


def test_a_damaged_training_is_made_anew_and_so_is_one_on_demand(shipped: Path) -> None:
    assert fit("rl", desk(), retrain=True).origin == ""
    card = shipped / "seed-1" / "card.json"
    card.write_text(card.read_text(encoding="utf-8").replace('"steps": ', '"steps": 1'), encoding="utf-8")
    assert "changed after it was saved" in fit("rl", desk()).origin
    shutil.rmtree(shipped)
    assert fit("rl", desk()).origin == ""


def test_a_card_that_lacks_what_it_was_trained_from_is_refused(trained: Fitted, tmp_path: Path) -> None:
    portfolio = desk()
    before, spec = market_before_test(portfolio), portfolio.policies["rl"]
    assert isinstance(spec, Learned)
    for seed, policy in trained.seeds.items():
        replace(policy, card={}).save(tmp_path / f"seed-{seed}")
    costs = training_costs(portfolio, before)
    with pytest.raises(DataError, match="holds no whole training: the card of seed 1 lacks 'objective'"):
        load_training(tmp_path, spec, before, costs, {"tracking_penalty": portfolio.tracking_penalty})
