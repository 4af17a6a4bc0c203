"""`rebalance research trials` on books of its own."""

from pathlib import Path

import pandas as pd
import pytest
from commanded import rebalance

from backtests.inference.selection import Moments, expected_maximum, probabilistic_sharpe
from backtests.runs.trial_book import Batch, count_trials, read_book
from desk.commands.trials import trials_text
from foundation.home import TRIAL_BOOK

pytestmark = pytest.mark.usefixtures("few_simulated_tests")


def batch(portfolio: str, policies: list[str], **columns: object) -> Batch:
    rows = {"kind": "sweep", "policy": policies, "first": "2015-01-02", "last": "2022-12-29", "days": 2013, "lag": 1,
            "cost_multiple": 1.0}  # fmt: skip
    return Batch(portfolio, [portfolio.upper(), "SPY"], {}, 252.0, pd.DataFrame(rows | columns))


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty book of its own."""
    monkeypatch.setenv(TRIAL_BOOK, str(tmp_path))
    return tmp_path


def words(text: str) -> str:
    return " ".join(text.split())


def test_a_block_says_how_many_trials_there_were_and_what_that_leaves_of_the_best(book: Path) -> None:
    known = {"active_return": [0.01, -0.01, 0.02], "active_volatility": 0.02, "skewness": -1.0, "kurtosis": 8.0,
             "dependence": 1.5}  # fmt: skip
    count_trials([batch("desk", ["a", "b", "c"], kind="candidate", cluster=[0, 0, 1], **known)])
    count_trials([batch("desk", ["d"], active_return=0.0, active_volatility=0.02)])
    found = words(trials_text())
    assert "desk: 4 trials (sweep 1, candidate 3)" in found
    assert "Assets: DESK and SPY. Days: 2015-01-02 to 2022-12-29." in found
    assert (
        "Effective number: 3: clusters of 3 configurations whose returns were correlated, and 1 that were not" in found
    )
    assert "Best active Sharpe ratio: 1.00 a year (candidate, 2015-01-02 to 2022-12-29, 2,013 days): c." in found
    ratios = pd.Series([0.5, -0.5, 1.0, 0.0])
    best = Moments(1.0 / 252.0**0.5, 2013, -1.0, 8.0, 1.5)
    expected = ratios.std(ddof=1) * expected_maximum(3)
    assert f"3 worthless trials would be expected to reach {expected:.2f}." in found
    assert f"is above zero: {probabilistic_sharpe(best, expected / 252.0**0.5):.3f}." in found


def test_a_best_trial_of_a_sweep_is_judged_as_a_normal_series(book: Path) -> None:
    count_trials([batch("desk", ["a", "b"], active_return=[0.01, 0.0], active_volatility=0.02)])
    found = words(trials_text("desk"))
    assert "Effective number: 2, the count of different configurations: the returns of none are known." in found
    assert "(moments of a normal series: only its figures are known)." in found


def test_one_trial_and_trials_without_ratios_have_no_deflated_ratio(book: Path) -> None:
    count_trials([batch("one", ["a"], active_return=0.01, active_volatility=0.02), batch("none", ["a", "b"])])
    assert "not available, since nothing was chosen among several trials" in words(trials_text("one"))
    assert "No active Sharpe ratio is known." in trials_text("none")


def test_the_command_shows_one_portfolio_or_all(book: Path) -> None:
    assert "The trial book is empty" in rebalance("research", "trials").out
    count_trials([batch("one", ["a", "b"]), batch("two", ["a"])])
    done = rebalance("research", "trials", "two")
    assert done.status == 0
    assert "two: 1 trial (sweep 1)" in done.out
    assert "one: " not in done.out
    assert "one: 2 trials" in rebalance("research", "trials").out
    wrong = rebalance("research", "trials", "three")
    assert wrong.status == 2
    assert "no trial of 'three': it has one and two" in wrong.err


def test_a_damaged_book_is_refused_in_a_sentence(book: Path) -> None:
    count_trials([batch("one", ["a", "b"])])
    (file,) = book.iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    done = rebalance("research", "trials")
    assert done.status == 2
    assert "is damaged" in done.err
    assert "Traceback" not in done.err


def test_a_backtest_and_a_sweep_write_their_run(book: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("home")
    file = home / "bands.yaml"
    file.write_text("portfolio: data/portfolios/sixty_forty.yaml\nrules: {threshold: {band: [0.01, 0.02]}}\n")
    file.write_text(file.read_text().replace("data/", f"{Path.cwd()}/data/"))
    swept = rebalance("research", "sweep", file, "--home", home)
    assert swept.status == 0, swept.err
    alone = rebalance("research", "backtest", "data/portfolios/sixty_forty.yaml", "--policy", "yearly", "--home", home)
    assert alone.status == 0, alone.err
    found = read_book().trials
    assert found["kind"].tolist() == ["sweep", "sweep", "candidate"]
    assert set(found["run"]) == {path.name for path in (home / "reports").iterdir() if not path.name.startswith(".")}
    assert set(found["portfolio"]) == {"sixty_forty"}
