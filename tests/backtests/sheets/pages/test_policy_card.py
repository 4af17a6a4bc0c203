"""The card of learned policies as a page and as a line: from policies that were really saved, and from broken ones."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import Elements, check_page
from commanded import rebalance
from learned import COSTS, PENALTY, YEAR, carded, two_lines

from backtests.comparison.belief import DailyTerms, belief
from backtests.comparison.paired import expected_losses
from backtests.comparison.simulated_tests import simulated_tests
from backtests.engine import backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.scores import score
from backtests.laboratory.learned.partial_dependence import distance_outside, trade_sizes, width_multiples
from backtests.laboratory.learned.results import results_of
from backtests.laboratory.learned.saved import CARD_RESULTS, read_saved_policies, write_results
from backtests.sheets.pages.policy_card import policy_pictures, write_card
from backtests.sheets.pages.policy_catalog import policies_text, policy_folders
from foundation.errors import DataError
from research.allocation import FixedWeights, target_path
from research.learning import LearnedPolicy, Training
from research.learning.checksummed import CARD
from research.rules.networks.features import ACTION_REACH
from research.rules.networks.policy_network import network

SEEDS, SEEN, SESSIONS = (1, 2, 3), 1_500, 2_500
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports with one run, whose policies were saved with what a test found."""
    folder = tmp_path_factory.mktemp("home") / "reports" / "desk-2022-12-29-0a1b2c3d" / "policies" / "rl"
    market = two_lines(SESSIONS, seed=1)
    before = market.until(market.dates[SEEN])
    policies = {seed: carded(before, seed) for seed in SEEDS}
    training = Training(policies, {1: 2.55, 2: 2.6, 3: 2.65}, closed_form=3.0, never=60.0)
    training.save(folder)
    played = {
        seed: backtest(market, policy, COSTS, start=market.dates[SEEN + 1], periods_per_year=YEAR, name="rl")
        for seed, policy in policies.items()
    }
    benchmark = Benchmark(target_path(FixedWeights((0.4, 0.3)), market), np.zeros(2), np.ones(2), PENALTY, YEAR)
    scores = {seed: score(one, benchmark) for seed, one in played.items()}
    losses = expected_losses(played, benchmark)
    found = results_of(training, played, scores, losses, {"tuned": 1.5, HOSTILE: 9.0}, "desk")
    write_results(folder, json.loads(json.dumps(found)))
    one = scores[2]
    assert found["seeds"]["2"]["loss"] == one["loss"]
    named = {str(seed): each for seed, each in played.items()}
    drawn = belief(DailyTerms.of(named, benchmark), simulated_tests(named, benchmark), PENALTY).j
    ends = [found["seeds"]["2"][name] for name in ("loss_lower", "loss_upper")]
    own = np.quantile(drawn[:, list(named).index("2")], [0.025, 0.975])
    assert ends == pytest.approx(own, rel=1e-9)  # one belief, one interval
    return folder


@pytest.fixture(scope="module")
def alone() -> LearnedPolicy:
    """A policy by itself."""
    return carded(two_lines(600, seed=3))


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return write_card(run).read_text(encoding="utf-8")


# -- what it would answer --------------------------------------------------------------------------------------------


def test_boxes_of_known_width_trade_what_is_past_their_edge(alone: LearnedPolicy) -> None:
    """A network of zeros but for its last bias: boxes of 8^0.5 half-widths, whatever is seen."""
    arrays = [np.zeros_like(array) for array in alone.net[:6]]
    arrays[-1][:] = 0.5
    policy, edge = replace(alone, net=network(arrays)), ACTION_REACH**0.5
    np.testing.assert_allclose(width_multiples(policy, np.array([[0.0, 0.0], [0.1, -0.1]])), edge, rtol=1e-6)
    drifts = np.array([-4.0, -2.0, 0.0, 2.0, 4.0])
    np.testing.assert_allclose(trade_sizes(policy, 0, drifts), [4.0 - edge, 0.0, 0.0, 0.0, edge - 4.0], rtol=1e-6)
    width = policy.scales.half_width[-1]
    gaps = np.array([[edge * width[0], 0.0], [0.0, -2.0 * edge * width[1]]])
    np.testing.assert_allclose(distance_outside(policy, gaps), [0.0, edge * width[1]], atol=1e-8)


# -- the page --------------------------------------------------------------------------------------------------------


def test_the_page_says_what_the_policies_saw_and_what_they_are_worth(run: Path, page: str) -> None:
    results, card = json.loads((run / CARD_RESULTS).read_text()), read_saved_policies(run).cards[2]
    assert f"{card['saw']['first']} to {card['saw']['last']}" in page
    assert card["saw"]["fingerprint"][:16] in page
    one = results["optimum"]["seeds"]["2"]
    assert f"{100.0 * one['gap']:,.2f}" in page
    assert f"the loss is {results['seeds']['2']['loss']:.2f} bp a year" in page
    assert [d["feature"] for d in results["drift"]] == [f["name"] for f in card["features"]]
    for feature in card["features"]:
        assert feature["name"] in page


def test_the_page_is_one_file_without_script_or_url(page: str) -> None:
    assert "http" not in page
    assert "<script" not in page
    assert not re.search(r"(?:href|src)=\"(?!#)", page)
    elements = Elements(page)
    assert not elements.crossed
    targets = [a["href"][1:] for tag, a in elements.found if tag == "a"]  # type: ignore[index]
    assert set(targets) <= {a.get("id") for _, a in elements.found}


def test_every_picture_is_there_with_its_numbers(run: Path, page: str) -> None:
    found = read_saved_policies(run)
    drawn = policy_pictures(found, LearnedPolicy.load(found.folders[2]))
    assert set(drawn) == {"learning", "importance", "trades", "regimes", "region", "seeds"}
    for name in drawn:
        assert f'id="figure-{name}"' in page
    assert sorted(drawn["learning"].data["seed"].unique()) == list(SEEDS)
    assert (np.diff(drawn["importance"].data["importance"]) <= 0.0).all()
    assert set(drawn["seeds"].data["policy"]) == {"seed 1", "seed 2", "seed 3", "tuned", HOSTILE}


def test_a_policy_by_itself_without_a_test_has_a_page_too(alone: LearnedPolicy, tmp_path: Path) -> None:
    page = write_card(alone.save(tmp_path / "rl" / "seed-3")).read_text(encoding="utf-8")
    assert "<title>rl, seed-3" in page
    assert "No out-of-sample results" in page
    assert 'id="figure-seeds"' not in page


def test_a_browser_shows_it_at_every_width_in_both_themes_and_no_label_covers_another(page: str) -> None:
    check_page(page)


# -- the list --------------------------------------------------------------------------------------------------------


def test_each_policy_is_a_line_under_its_folder(run: Path, page: str, alone: LearnedPolicy) -> None:
    shipped = run.parents[2] / "shipped"
    lines = policies_text(policy_folders(run.parents[2], shipped)).splitlines()
    assert lines[2] == str(run)
    assert all("PPO" in line and "1901-01-04 to 1906-10-05" in line for line in lines[3:6])
    assert [line.split()[-3] for line in lines[3:6]] == ["2.55", "2.60", "2.65"]
    assert all(line.endswith("optimum") for line in lines[3:6])
    alone.save(shipped / "alone")
    first = policies_text(policy_folders(run.parents[2], shipped)).splitlines()[2:4]
    assert first[0] == str(shipped / "alone")
    assert first[1].endswith("−16.7  closed form")  # 2.5 of 3.0


def test_a_broken_folder_is_named_and_hides_no_other(alone: LearnedPolicy, tmp_path: Path) -> None:
    saved = [alone.save(tmp_path / name) for name in ("broken", "whole")]
    (saved[0] / CARD).write_text(json.dumps(json.loads((saved[0] / CARD).read_text()) | {"seen": "1900-01-01"}))
    text = policies_text(policy_folders(tmp_path, tmp_path))
    assert f"{saved[0]} was changed after it was saved" in text
    assert f"{saved[1]}\n" in text
    with pytest.raises(DataError, match="was changed after it was saved"):
        write_card(saved[0])


def test_a_card_that_says_little_is_a_line_and_no_page(alone: LearnedPolicy, tmp_path: Path) -> None:
    told = {"seed": 7, "saw": {"last": None, "market": "simulated ones"}}
    folder = replace(alone, card=told).save(tmp_path / "bare")
    assert policies_text(policy_folders(tmp_path, tmp_path)).splitlines()[3].split() == [
        "bare", "–", "A", "and", "B", "simulated", "ones", "7", "–", "–",
    ]  # fmt: skip
    with pytest.raises(DataError, match=r"bare does not have objective, settings, .* Read its card.json itself"):
        write_card(folder)


def test_no_policies_are_said_to_be_none(tmp_path: Path) -> None:
    assert policies_text(policy_folders(tmp_path, tmp_path)).startswith("No learned policies")
    with pytest.raises(DataError, match=r"no learned policy in .* it has neither card.json nor folders seed-<number>"):
        write_card(tmp_path)


def test_the_command_lists_and_writes_the_same_bytes(run: Path, page: str) -> None:
    listed = rebalance("research", "policies", "--home", run.parents[3])
    assert listed.status == 0, listed.err
    assert str(run) in listed.out
    (run / "card.html").unlink()
    assert rebalance("research", "policies", run).out == f"Written to {run / 'card.html'}.\n"
    assert (run / "card.html").read_text(encoding="utf-8") == page


def test_policies_of_two_trainings_and_results_of_others_are_refused(run: Path, tmp_path: Path) -> None:
    import shutil

    mixed = tmp_path / "rl"
    shutil.copytree(run, mixed)
    carded(two_lines(SEEN + 50, seed=1), 4).save(mixed / "seed-4")
    with pytest.raises(DataError, match="holds policies of more than one training, or a seed twice: seed-1, seed-2"):
        read_saved_policies(mixed)
    shutil.rmtree(mixed / "seed-4")
    assert read_saved_policies(mixed).representative == 2
    carded(two_lines(SESSIONS, seed=1).until(two_lines(SESSIONS, seed=1).dates[SEEN]), 0).save(mixed / "seed-0")
    with pytest.raises(DataError, match=r"results\.json belongs to other policies than those in its folder"):
        read_saved_policies(mixed)
