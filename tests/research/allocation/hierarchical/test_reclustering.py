"""Clustering on a calendar of its own and with memory: which windows are used, what turns over, what comes after."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from cases import cases

from research.allocation import HERC, HRP, target_path
from research.allocation.hierarchical.model import blended, clustering_rows, estimated
from research.allocation.hierarchical.tree import distances
from research.market.calendars import last_of


def blocks(sessions, seed, changes=None):
    """Nine assets in three blocks of three; from row `changes` on, the third asset of each block is in the next one."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(sessions, 3)) * 0.01
    member = np.repeat(np.arange(3), 3)
    returns = common[:, member]
    if changes is not None:
        returns[changes:] = common[changes:, np.where(np.arange(9) % 3 == 2, (member + 1) % 3, member)]
    return returns + 0.012 * rng.normal(size=(sessions, 9))


def clusters(model, market, t):
    record = model.hierarchy(market.past(t))
    return {frozenset(record.by_line().query(f"cluster == {c}").index) for c in range(1, record.cluster.max() + 1)}


def rows_of(market, every, upto):
    found = np.flatnonzero(last_of(market.days, every, market.calendar))
    return found[found <= upto][::-1].tolist()


def test_weights_are_monthly_and_clusters_quarterly(make_market):
    market = make_market(blocks(400, 1))
    model = HERC(window=60, recluster="quarter", clusters=3)
    for t in rows_of(market, "month", 399)[:6]:
        quarter = rows_of(market, "quarter", t)[0]
        assert clustering_rows(model, market.past(t), np.arange(9)) == [quarter]
        record = model.hierarchy(market.past(t))
        assert record.clustered == market.dates[quarter]
        assert record.date == market.dates[t]
        then = HERC(window=60, clusters=3).hierarchy(market.past(quarter))
        assert record.assets == then.assets
        if t != quarter:
            assert not np.array_equal(record.weights, then.weights)


def test_without_a_calendar_or_memory_lines_are_clustered_with_the_weights(make_market):
    market = make_market(blocks(200, 2))
    assert clustering_rows(HRP(window=60), market.past(150), np.arange(9)) == [150]
    daily = HRP(window=60, recluster="day").target(market.past(150))
    assert np.array_equal(daily, HRP(window=60).target(market.past(150)))


def test_memory_reaches_back_until_less_than_a_thousandth_is_left(make_market):
    market = make_market(blocks(400, 3))
    rows = clustering_rows(HRP(window=20, memory=0.5), market.past(399), np.arange(9))
    months = rows_of(market, "month", 398)
    assert rows == [399, *months[:10]]
    assert 0.5 ** len(rows[1:]) < 1e-3 <= 0.5 ** (len(rows[1:]) - 1)
    quarterly = clustering_rows(HRP(window=20, memory=0.5, recluster="quarter"), market.past(399), np.arange(9))
    assert quarterly == rows_of(market, "quarter", 399)[: len(quarterly)]


def test_distances_with_memory_are_those_of_a_loop(make_market):
    market = make_market(blocks(300, 4))
    estimate = estimated(HRP(window=40, memory=0.7), market.past(299))
    last = None
    for t in [*rows_of(market, "month", 298)[::-1], 299]:
        if t >= 40:
            window = market.returns[t - 39 : t + 1]
            own = distances("correlation", window, np.cov(window.T), estimate.tree.columns, False)[1]
            last = own if last is None else 0.7 * last + 0.3 * own
    assert estimate.tree.apart == pytest.approx(last, abs=2e-3)  # what is older than a thousandth is left out


def test_blending_gives_weights_that_sum_to_one():
    assert blended([np.ones(2)] * 7, 0.6) == pytest.approx(np.ones(2), abs=1e-15)


def flips(model, market):
    months = rows_of(market, "month", len(market.dates) - 1)[::-1]
    found = [clusters(model, market, t) for t in months if t > 150]
    return sum(one != other for one, other in pairwise(found))


def test_clusters_with_memory_do_not_flip_on_noise(make_market):
    # Forty short windows of three blocks that never change: without memory every other month has other clusters.
    market = make_market(blocks(1000, 5))
    without, with_memory = (flips(HERC(window=21, clusters=3, memory=memory), market) for memory in (0.0, 0.8))
    assert without > 20
    assert with_memory <= without / 4


def test_clusters_with_memory_follow_a_change_that_stays(make_market):
    market = make_market(blocks(900, 6, changes=450))
    model = HERC(window=60, clusters=3, memory=0.7)
    first = {frozenset(f"A{3 * b + i:02}" for i in range(3)) for b in range(3)}
    second = {frozenset((f"A{3 * b:02}", f"A{3 * b + 1:02}", f"A{(3 * b - 1) % 9:02}")) for b in range(3)}
    assert clusters(model, market, 449) == first
    assert clusters(model, market, 899) == second


def test_a_line_that_is_listed_since_is_clustered_at_once(make_market):
    market = make_market(blocks(300, 7), first=[0] * 8 + [150])
    model = HERC(window=60, recluster="year", memory=0.5)
    assert rows_of(market, "year", 299)[0] == 250
    assert clustering_rows(model, market.past(205), np.arange(8))[0] == 205  # no year has ended in the market
    assert clustering_rows(model, market.past(240), np.arange(9)) == [240]  # a year before, the ninth was not complete
    assert clustering_rows(model, market.past(290), np.arange(9))[0] == 250
    assert (model.target(market.past(240)) > 0.0).all()


def test_windows_in_which_a_line_stands_still_are_not_remembered(make_market):
    returns = blocks(300, 8)
    returns[:120, 4] = 0.0
    rows = clustering_rows(HRP(window=40, memory=0.9), make_market(returns).past(299), np.arange(9))
    assert min(rows) >= 120
    assert min(rows) < 160


@cases("settings", {"recluster": "quarter"}, {"memory": 0.6}, {"recluster": "quarter", "memory": 0.6})
def test_a_longer_market_leaves_the_past_bit_equal(make_market, settings):
    market, model = make_market(blocks(400, 9)), HERC(window=40, **settings)
    one, other = target_path(model, market, 60), target_path(model, market.until(market.dates[300]), 60)
    assert len(other.rows) > 8
    assert np.array_equal(one.rows[: len(other.rows)], other.rows)
    changed = replace(market, returns=np.where(np.arange(400)[:, None] > 300, 0.5 * market.returns, market.returns))
    assert np.array_equal(model.target(changed.past(300)), model.target(market.past(300)))
