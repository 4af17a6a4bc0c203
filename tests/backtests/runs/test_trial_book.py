"""The trial book: counted once, written by several at once, never half, never read where it is damaged."""

import inspect
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backtests.comparison import compare
from backtests.engine import backtest, run
from backtests.runs import trial_book
from backtests.runs.trial_book import Batch, NotCounted, book_folder, book_of_batches, count_trials, read_book
from backtests.sweeps import Axes, Choices, sweep, threshold
from desk.commands import compile_kernels
from foundation.errors import DataError
from foundation.home import TRIAL_BOOK
from research.accounting import Costs, Hold, View, Why
from research.allocation import FixedWeights
from research.market import Market
from research.portfolio import load_portfolio
from research.rules import Threshold

ROOT = Path(__file__).parents[3]


def batch(policies: list[str], assets: str = "SPY IEF", portfolio: str = "desk", **columns: object) -> Batch:
    """Trials of a kind and days, one a policy; columns replace those."""
    rows = {
        "kind": "candidate", "policy": policies, "first": "2020-01-02", "last": "2022-12-30", "days": 756, "lag": 1,
        "cost_multiple": 1.0,
    }  # fmt: skip
    return Batch(portfolio, assets.split(), {"costs": [1.0]}, 252.0, pd.DataFrame(rows | columns), "f" * 64)


WRITER = f"""
import sys
import pandas as pd
from backtests.runs.trial_book import Batch, count_trials

{inspect.getsource(batch)}

for k in range(*map(int, sys.argv[1:])):
    count_trials([batch([f"rule {{k}} {{n}}" for n in range(50)])])
    print(k, flush=True)
"""


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty book of its own."""
    monkeypatch.setenv(TRIAL_BOOK, str(tmp_path / "book"))
    return book_folder()


@pytest.fixture(scope="module")
def market() -> Market:
    return load_portfolio(ROOT / "data/portfolios/sixty_forty.yaml").market


# -- counting --------------------------------------------------------------------------------------------------------


def test_a_trial_counts_once_however_often_and_by_whom_it_is_tried(book: Path) -> None:
    count_trials([batch(["one", "two"])])
    count_trials([batch(["one", "two"])])
    assert len(list(book.iterdir())) == 1
    count_trials([batch(["two", "three"], kind="sweep")])
    assert len(list(book.iterdir())) == 2
    found = read_book().trials
    assert sorted(found["policy"]) == ["one", "three", "two"]
    assert found.set_index("policy").loc["two", "kind"] == "candidate"  # what stood there first


@pytest.mark.parametrize(
    "other",
    [
        {"assets": "SPY AGG"}, {"first": "2020-01-03"}, {"last": "2022-12-29"}, {"lag": 2},
        {"cost_multiple": 2.0}, {"policy": ["two"]},
    ],
    ids=str,
)  # fmt: skip
def test_whatever_makes_it_another_trial_makes_it_count(other: dict[str, object], book: Path) -> None:
    count_trials([batch(["one"]), batch(["one"], **other)])  # type: ignore[arg-type]
    assert len(read_book().trials) == 2


def test_another_file_and_other_bytes_are_the_same_trial_and_another_order_of_assets_the_same_search(
    book: Path,
) -> None:
    """Weights stand in the order of the assets: 60/40 of SPY and IEF is not 60/40 of IEF and SPY."""
    count_trials([batch(["one"]), batch(["one"], portfolio="copy"), replace(batch(["one"]), data="e" * 64)])
    assert len(read_book().trials) == 1
    count_trials([batch(["one"], "IEF SPY")])
    assert [one.configurations for one in read_book().searches] == [2]


def test_one_more_day_is_the_same_configuration_of_the_same_search(book: Path) -> None:
    count_trials([batch(["one", "two"]), batch(["one", "three"], last="2023-01-02", days=757)])
    later, other = batch(["four"], first="2023-01-03", last="2023-06-30"), batch(["one"], "SPY AGG")
    count_trials([later, other])
    assert [(one.configurations, len(one.trials)) for one in read_book().searches] == [(3, 4), (1, 1), (1, 1)]
    assert read_book(["IEF", "SPY"]).on("2022-12-30", "2023-01-02").configurations == 3
    assert read_book(["IEF", "SPY"]).on("2023-06-30", "2024-06-30").configurations == 1


def test_searches_are_joined_by_days_between_them() -> None:
    months = [("2020-01-01", "2020-02-28"), ("2020-04-01", "2020-05-31"), ("2020-02-28", "2020-04-01")]
    batches = [batch([f"rule {k}"], first=first, last=last) for k, (first, last) in enumerate(months)]
    assert len(book_of_batches(batches[:2]).searches) == 2
    assert len(book_of_batches(batches).searches) == 1


def test_terms_such_as_costs_make_another_trial() -> None:
    one = batch(["one"])
    assert len(book_of_batches([one, replace(one, terms={"costs": [2.0]})]).trials) == 2


def test_the_row_whose_moments_are_known_stands(book: Path) -> None:
    count_trials([batch(["one"], kind="sweep", active_return=0.01, active_volatility=0.02)])
    count_trials([batch(["one", "two"], active_return=0.01, active_volatility=0.02, skewness=0.5, kurtosis=4.0)])
    found = read_book().trials
    assert (found["skewness"].tolist(), found["sharpe"].tolist()) == ([0.5, 0.5], [0.5, 0.5])


def test_figures_of_trials_that_were_counted_without_them_are_kept(book: Path) -> None:
    """As where policies are backtested one by one, and then compared."""
    known = batch(["one", "two"], active_return=0.01, active_volatility=0.02, skewness=0.0, kurtosis=3.0, cluster=1.0)
    for each in (batch(["one", "two"], kind="backtest"), known, known, batch(["two", "one"])):
        count_trials([each])
    assert len(list(book.iterdir())) == 2
    found = read_book()
    assert found.trials["sharpe"].tolist() == [0.5, 0.5]
    assert found.clustered == 2
    assert found.effective == 1


def test_active_returns_that_do_not_vary_have_no_ratio() -> None:
    found = book_of_batches([batch(["one", "two"], active_return=-1e-4, active_volatility=[0.0, 0.01])]).trials
    assert np.isnan(found["sharpe"]).tolist() == [True, False]


def test_long_policies_are_told_apart_where_they_are_cut(book: Path) -> None:
    count_trials([batch([f"{'x' * 500}{end}" for end in "ab"])])
    found = read_book().trials["policy"]
    assert len(set(found)) == 2
    assert found.str.len().max() < 260


def test_variants_count_once_in_the_effective_number() -> None:
    one = batch(["a", "b", "c", "d"], cluster=[0, 0, 1, np.nan])
    assert (book_of_batches([one]).effective, book_of_batches([one]).clustered) == (3, 3)
    later = batch(["b", "c", "e"], cluster=[0, 0, 1], first="2021-01-04")  # the same on other days, and joined
    both = book_of_batches([one, later])
    assert (len(both.trials), both.configurations, both.effective) == (7, 5, 3)
    assert both.on("1990-01-01", "1990-12-31").effective == 0


def test_the_spread_of_ratios_does_not_depend_on_how_long_each_was_played() -> None:
    """Worthless trials of one and of sixteen years: each ratio times the root of its days has variance 1."""
    draws, year = np.random.default_rng(1).standard_normal(4_000), 252.0
    days = np.where(np.arange(4_000) < 2_000, 252, 16 * 252)
    trials = batch(
        [str(k) for k in range(4_000)], days=days, active_return=0.01 * draws * np.sqrt(year / days),
        active_volatility=0.01,
    )  # fmt: skip
    assert book_of_batches([trials]).luck(252) == pytest.approx(1.0 / 252.0, rel=0.1)
    assert book_of_batches([batch(["one"], active_return=0.1, active_volatility=0.1)]).luck(252) is None


# -- written by several, and killed ----------------------------------------------------------------------------------


def writer(*words: object) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, *map(str, words)], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_two_processes_write_at_once_and_nothing_is_lost_or_counted_twice(book: Path) -> None:
    other = writer(0, 20)
    other.stdout.readline()  # it has begun
    for k in range(10, 30):
        count_trials([batch([f"rule {k} {n}" for n in range(50)])])
    assert (other.wait(timeout=120), len(read_book().trials)) == (0, 30 * 50)
    assert not [path for path in book.iterdir() if path.suffix != ".parquet"]


def test_a_writer_that_is_killed_leaves_whole_batches(book: Path) -> None:
    one = writer(0, 100_000)
    assert one.stdout is not None
    for _ in range(5):
        one.stdout.readline()
    time.sleep(0.003)  # somewhere in the next one
    one.send_signal(signal.SIGKILL)
    one.wait(timeout=60)
    found = read_book().trials
    assert len(found) >= 5 * 50
    assert len(found) % 50 == 0


def test_what_cannot_be_written_is_said_and_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(TRIAL_BOOK, str(tmp_path / "file"))
    with pytest.warns(NotCounted, match=r"2 trials could not be written into .*file .*REBALANCE_TRIALS"):
        count_trials([batch(["one", "two"])])


def test_the_book_stays_when_caches_are_deleted() -> None:
    said = subprocess.run(["make", "-n", "clean"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "data/cache" in said
    assert "trials" not in said
    assert "data/* " not in said


def test_what_is_compiled_ahead_of_use_is_not_counted(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[dict[str, str]] = []
    monkeypatch.setattr(compile_kernels.subprocess, "Popen", lambda *_, env, **__: given.append(env))
    compile_kernels._started("comparison", tmp_path)
    assert given[0][TRIAL_BOOK] == str(tmp_path / "trials") != str(book)


def test_the_book_is_the_person_s_own_and_in_no_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(TRIAL_BOOK)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert book_folder() == tmp_path / "rebalance" / "trials"


# -- backtests -------------------------------------------------------------------------------------------------------


def test_each_backtest_counts_once_beside_the_sweep_that_plays_the_same(book: Path) -> None:
    portfolio = load_portfolio("data/portfolios/sixty_forty.yaml")
    market, costs, start = portfolio.market, portfolio.costs, portfolio.test_start
    bands = [0.01, 0.02, 0.05]
    for band in [*bands, 0.05]:
        backtest(market, Threshold(portfolio.strategic, band), costs, start=start, nav=portfolio.nav)
    assert not book.exists()  # they wait
    assert read_book().configurations == 3
    longer = backtest(market.until("2021-12-31"), Threshold(portfolio.strategic, 0.05), costs, start=start)
    assert len(longer.dates) > 1
    sweep(portfolio, Axes(rules=(Choices(threshold, band=(*bands, 0.1)),)), progress=False)
    found = read_book()
    assert (len(found.trials), found.configurations, len(found.searches)) == (5, 4, 1)
    assert set(found.trials["kind"]) == {"backtest", "sweep"}


def test_what_other_functions_play_is_not_counted_twice(book: Path) -> None:
    portfolio = load_portfolio("data/portfolios/sixty_forty.yaml")
    run.backtest(portfolio.market, Threshold(portfolio.strategic, 0.05), portfolio.costs)
    assert len(read_book().trials) == 0


def test_backtests_of_many_targets_and_costs_go_into_one_file(book: Path, market: Market) -> None:
    other = market.select(list(market.assets[::-1]))
    for weight in (0.5, 0.6, 0.7):
        for costs in (Costs.bps(2), Costs.bps(2, half_spread=1.0)):
            for own in (market, other):
                backtest(own, Threshold(FixedWeights((weight, 1.0 - weight)), 0.02), costs)
    assert [one.configurations for one in read_book().searches] == [12]
    assert len(list(book.iterdir())) == 1


def test_a_file_has_trials_of_several_searches_and_each_is_read_by_its_assets(book: Path, market: Market) -> None:
    backtest(market, Threshold(FixedWeights((0.5, 0.5)), 0.02), Costs.bps(2))
    backtest(market.select(["SPY"]), Threshold(FixedWeights((0.5,)), 0.02), Costs.bps(1))
    assert [one.configurations for one in read_book().searches] == [1, 1]
    assert len(list(book.iterdir())) == 1
    assert set(read_book(["SPY", "AGG"]).trials["assets"]) == {"AGG, SPY"}
    assert set(read_book(["SPY"]).trials["assets"]) == {"SPY"}
    assert len(read_book(["AGG"]).trials) == 0


def test_more_than_wait_are_written_in_several_files(
    book: Path, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_book, "MOST_WAITING", 3)
    for band in (0.01, 0.02, 0.03, 0.04):
        backtest(market, Threshold(FixedWeights((0.5, 0.5)), band), Costs.bps(2))
    assert (len(list(book.iterdir())), read_book().configurations) == (1, 4)
    assert len(list(book.iterdir())) == 2


def test_backtests_are_written_when_their_process_ends_forked_ones_too(book: Path) -> None:
    """Processes that a pool forks end without `atexit`; what their parent waits to write is its own."""
    code = """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from backtests.engine import backtest
from research.allocation import FixedWeights
from research.accounting import Costs
from research.market import load_market
from research.rules import Threshold
market = load_market("us_etf_ohlcv").select(["SPY", "AGG"]).until("2010-12-31")
def play(band):
    return backtest(market, Threshold(FixedWeights((0.6, 0.4)), band), Costs.bps(2)).wealth
if __name__ == "__main__":
    play(0.01)
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        list(pool.map(play, [0.02, 0.03, 0.04]))
"""
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    found = read_book()
    assert (found.configurations, set(found.trials["kind"])) == (4, {"backtest"})


# -- damaged ---------------------------------------------------------------------------------------------------------


def test_a_failed_write_loses_no_backtest(book: Path, market: Market) -> None:
    book.write_text("a file where the folder should be")
    backtest(market, Threshold(FixedWeights((0.6, 0.4)), 0.02), Costs.bps(2))
    with pytest.warns(NotCounted):
        count_trials([])
    book.unlink()
    assert read_book().configurations == 1


@dataclass
class Half:
    """A policy that leaves a field unset, as a dataclass may."""

    allocation: FixedWeights
    memory: float = field(init=False)

    def decide(self, view: View) -> Hold:
        return Hold(Why("waits"))


class Plain:
    """A policy of a plain class, whose `repr` says nothing of its settings."""

    def __init__(self, band: float, table: object = None) -> None:
        self.allocation, self.band, self.table, self.own = FixedWeights((0.6, 0.4)), band, table, self

    def decide(self, view: View) -> Hold:
        return Hold(Why("waits"))


def test_policies_of_any_class_are_told_apart_by_what_they_hold(book: Path, market: Market) -> None:
    costs = Costs.bps(2)
    series = [pd.Series(np.arange(4_000.0)), pd.Series(np.arange(4_000.0)).replace(2_000.0, 0.0)]
    for policy in (
        Plain(0.01),
        Plain(0.02),
        Plain(0.02),
        *(Plain(0.01, each) for each in series),
        Half(Plain(0).allocation),
    ):
        backtest(market, policy, costs)
    assert read_book().configurations == 5


def test_other_targets_and_other_opening_weights_are_other_trials(book: Path, market: Market) -> None:
    costs, policy = Costs.bps(2), Plain(0.01)
    for weights in (None, (0.5, 0.5), (0.7, 0.3)):
        backtest(market, policy, costs, start_weights=None if weights is None else np.array(weights))
    assert read_book().configurations == 3


def test_a_book_that_cannot_be_read_stops_no_comparison(book: Path, market: Market) -> None:
    costs = Costs.bps(2)
    played = [backtest(market, Threshold(FixedWeights((0.6, 0.4)), b), costs, name=f"{b}") for b in (0.02, 0.03)]
    read_book()
    name = next(book.glob("*.parquet"))
    name.rename(name.with_name("notes.parquet"))
    assert "How much was tried is not known: " in repr(compare(played, draws=100))


@pytest.fixture
def one_file(book: Path) -> Path:
    count_trials([batch(["one", "two"])])
    (found,) = book.iterdir()
    return found


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_half_file_is_refused_with_how_to_mend_it(one_file: Path, keep: int) -> None:
    one_file.write_bytes(one_file.read_bytes()[:keep])
    with pytest.raises(DataError, match=rf"{one_file.name} is damaged: .* Restore the file .*or delete it") as error:
        read_book()
    assert str(one_file) in str(error.value)


def test_one_changed_bit_is_refused(one_file: Path) -> None:
    content = bytearray(one_file.read_bytes())
    content[len(content) // 2] ^= 1
    one_file.write_bytes(content)
    with pytest.raises(DataError, match="is damaged"):
        read_book()


def test_a_file_under_another_name_is_refused(one_file: Path) -> None:
    one_file.rename(one_file.with_name("copy.parquet"))
    with pytest.raises(DataError, match=r"copy\.parquet has no name of the trial book"):
        read_book()


def test_a_file_of_another_form_is_refused(one_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_book, "VERSION", 4)
    with pytest.raises(DataError, match="has form 3 of the trial book, and this code reads form 4"):
        read_book()


def put(book: Path, table: pa.Table) -> None:
    """Write a table as a file of the book."""
    book.mkdir()
    pq.write_table(table, buffer := pa.BufferOutputStream())
    content = buffer.getvalue().to_pybytes()
    (book / f"{'0' * 16}-{trial_book.hashlib.sha256(content).hexdigest()[:16]}.parquet").write_bytes(content)


def test_a_parquet_file_that_is_no_batch_is_refused(book: Path) -> None:
    put(book, pa.table({"x": [1]}))
    with pytest.raises(DataError, match="has form None"):
        read_book()


def test_a_file_of_the_earlier_form_is_read_and_its_trials_count_once(book: Path) -> None:
    """As earlier code wrote it: the facts of the batch in the schema, and the ids that it gave these trials."""
    ids, configurations = [2517431835569438274, 15440137653726929836], [16488180377959405541, 1186730648303356427]
    texts = {"kind": "candidate", "policy": ["one", "two"], "first": "2020-01-02", "last": "2022-12-30"}
    known = {"active_return": 0.01, "active_volatility": 0.02, "skewness": 0.5, "kurtosis": 4.0, "loss": 1.0}
    frame = pd.DataFrame(texts).astype("category").assign(days=756, lag=1, cost_multiple=1.0, cluster=0.0, **known)
    frame.insert(0, "id", np.array(ids, dtype=np.uint64))
    frame.insert(1, "configuration", np.array(configurations, dtype=np.uint64))
    about = {
        "version": 2, "portfolio": "desk", "assets": "IEF, SPY", "data": "f" * 64, "terms": {"costs": [1.0]},
        "periods_per_year": 252.0, "written": "2020-01-01T00:00:00.000000+00:00", "run": "", "code": "0" * 12,
    }  # fmt: skip
    put(book, pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata({"trials": json.dumps(about)}))
    count_trials([batch(["one", "two", "three"], active_return=0.0, active_volatility=0.1, cluster=0.0)])
    assert len(read_book(["AGG"]).trials) == 0
    found = read_book(["SPY", "IEF"])
    assert found.trials["policy"].tolist() == ["one", "two", "three"]
    assert found.trials["id"].tolist()[:2] == ids
    assert found.trials["sharpe"].tolist() == [0.5, 0.5, 0.0]
    assert found.trials["written"].str[:4].tolist()[:2] == ["2020", "2020"]
    assert (found.configurations, found.effective) == (3, 1)


def test_an_empty_book_and_a_missing_one_hold_nothing(book: Path) -> None:
    assert len(read_book().trials) == 0
    book.mkdir()
    assert read_book().effective == 0
