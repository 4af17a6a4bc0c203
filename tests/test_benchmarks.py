"""What the benchmarks time is one job: the same trades if they are free, and vectorbt's own convention if not.

The best point is one point, whoever finds it. A cluster's results are those of one worker. The figures of curves that
both have are the same figures.

bt is held to the same by the benchmark itself, with which it is installed.
"""

from collections.abc import Callable

import numpy as np
import psutil
import pytest
from distributed import LocalCluster

from backtests.runs import tasks
from backtests.runs.sent_markets import MOST_TOGETHER
from backtests.sweeps.run_part import run_part
from benchmarks import cluster, destination, jobs
from benchmarks.jobs import Job, Played
from research.market import Market, load_market

MAKERS = (jobs.quarterly, jobs.band)


@pytest.fixture(scope="module")
def market() -> Market:
    """Five stocks over six years, so that both jobs trade now and then."""
    return load_market("sp500_20").until("1995-12-29").select(("AAPL", "JPM", "KO", "RRC", "XOM"))


def with_vectorbt(job: Job) -> dict[str, Played]:
    """Both ways of doing the job in vectorbt."""
    from benchmarks import with_vectorbt

    close = with_vectorbt.prices(job)
    if job.days is None:
        usual = with_vectorbt.from_order_func(job, close)
    else:
        usual = with_vectorbt.from_orders(job, close, with_vectorbt.weights_on_days(job))
    both = {"as documented": usual, "flexible": with_vectorbt.flexible(job, close)}
    return {name: with_vectorbt.played(portfolio) for name, portfolio in both.items()}


PEERS = [pytest.param(with_vectorbt, jobs.vectorbt_convention, id="vectorbt", marks=pytest.mark.slow)]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(("play", "convention"), PEERS)
def test_peer_makes_our_trades_where_they_cost_nothing(
    market: Market,
    make: Callable[..., Job],
    play: Callable[[Job], dict[str, Played]],
    convention: Callable[..., object],
) -> None:
    job = make(market, rate=0.0)
    ours = jobs.ours(job)
    for name, peer in play(job).items():
        assert jobs.trade_gap(job, ours, peer) < 1e-12, name
        assert jobs.widest_gap(peer.wealth, ours.wealth) < 1e-12, name


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(("play", "convention"), PEERS)
def test_peer_differs_by_its_own_convention_of_costs_and_nothing_else(
    market: Market,
    make: Callable[..., Job],
    play: Callable[[Job], dict[str, Played]],
    convention: Callable[..., object],
) -> None:
    job = make(market)
    expected = jobs.expected(job, convention)
    for name, peer in play(job).items():
        assert jobs.widest_gap(peer.wealth, expected) < 1e-12, name
        assert 1e-6 < jobs.widest_gap(peer.wealth, jobs.ours(job).wealth) < 2e-3, name


@pytest.mark.parametrize("make", MAKERS)
def test_loop_that_is_timed_plays_the_whole_job_again_and_again(market: Market, make: Callable[..., Job]) -> None:
    job = make(market)
    play, trades = jobs.our_kernel(job), len(jobs.our_backtest(job).booked)
    assert trades > 3
    assert [play() for _ in range(3)] == [(trades, -1)] * 3


@pytest.mark.parametrize("make", MAKERS)
def test_calls_that_are_timed_as_new_differ_in_what_is_new(market: Market, make: Callable[..., Job]) -> None:
    for name, call in jobs.with_new(make(market)).items():
        one, other = ({
            "weights": tuple(played.targets.rows[0]),
            "start": played.first,
            "costs": tuple(played.costs.total),
            "table": id(played.market),
            "band": getattr(played.policy, "band", None),
        } for played in (call(), call()))  # fmt: skip
        assert [key for key in one if one[key] != other[key]] == [name]


@pytest.mark.slow
def test_path_of_the_laboratory_is_the_job_that_vectorbt_plays() -> None:
    from benchmarks import laboratory

    assert max(laboratory.agreement(1).values()) < 1e-11
    lab = laboratory.laboratory(20)
    theirs, ours = laboratory.drawn_by_numpy(lab.model, 20), lab.model.returns(20, laboratory.DAYS, laboratory.SEED)
    np.testing.assert_allclose(np.cov(theirs.reshape(-1, 10).T), np.cov(ours.reshape(-1, 10).T), atol=4e-6)


def test_trades_on_another_day_are_no_small_difference(market: Market) -> None:
    job = jobs.quarterly(market, rate=0.0)
    ours = jobs.ours(job)
    assert jobs.trade_gap(job, ours, Played(ours.wealth, np.vstack([ours.units[:1], ours.units[:-1]]))) == np.inf


@pytest.mark.parametrize("room", destination.ROOMS)
def test_every_solver_is_asked_for_the_same_destination(room: float) -> None:
    at = destination.draw(12, room, kappa=5.0, seed=1)
    apart = destination.gaps(at, destination.contestants(at))
    assert len(apart) == 5
    assert max(apart.values()) < destination.SAME
    assert 0 < (destination.our_kernel(at)() != at.weights).sum() < 12


def test_a_cluster_gives_the_bits_of_one_worker_a_few_parts_at_a_time() -> None:
    """With workers in this process: `backtests/sweeps/test_run.py` kills some that are processes."""
    alone = cluster.played_alone(40)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0"
    ) as there:
        where = (there.scheduler_address, psutil.Process())
        for wanted in (alone, dict.fromkeys(alone, b"")):
            found = cluster.measure(
                *cluster.small_sweep(40), run_part, lambda p, f, wanted=wanted: f.tobytes() == wanted[p], *where
            )
            assert found.equal is (wanted is alone)
            assert found.tasks == 40
            assert 1 < found.ahead <= tasks.AHEAD * 2 * MOST_TOGETHER


def test_figures_of_curves_that_both_have_are_those_of_vectorbt() -> None:
    from benchmarks import curves

    assert curves.agreement(*curves.curves(9)) < 1e-9


def test_intervals_cover_in_a_law_with_clustering_and_equal_policies_are_kept() -> None:
    """A small version of `benchmarks.coverage`: 80 worlds, so 95 % within three standard errors is 0.88 at least."""
    from benchmarks import coverage
    from research.portfolio import load_portfolio

    portfolio = load_portfolio(coverage.FUNDS)
    every = coverage.rules(portfolio)
    policies = {name: every[name] for name in ("quarterly", "band of 2 points", "2 points, to the edge")}
    model = coverage.laws(portfolio)["GARCH"]
    figures, pairs = coverage.coverages(coverage.measure(model, portfolio, policies, 2_013, 80))
    assert figures["loss"]["quarterly"][1]
    for name in policies:
        assert figures["loss"][name][0] >= 0.875, name
        assert figures["turnover"][name][0] >= 0.875, name
    assert pairs["quarterly"]["band of 2 points"][0] >= 0.875
    assert pairs["band of 2 points"]["2 points, to the edge"][0] >= 0.85
    model = coverage.exchangeable()["GARCH"]
    rejected, kept = coverage.equals(80, coverage.EQUALS["band of 2 points, to its edge"], model)
    assert rejected <= 0.125
    assert kept >= 0.80


def test_connections_of_the_service_are_all_answered_while_they_are_open() -> None:
    from benchmarks import service_load

    assert service_load.connections(200)
