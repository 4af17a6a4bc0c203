"""The benchmark of a portfolio file: a policy, an asset, a series of its own, or none; what does not fit is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foundation.errors import ConfigError
from research.market import load_market
from research.portfolio import Portfolio, load_portfolio

DAYS = load_market("multi_asset_daily").dates
OPENING = DAYS.searchsorted(pd.Timestamp("2015-01-02")) - 1


def levels(days: pd.DatetimeIndex = DAYS) -> pd.DataFrame:
    steps = np.random.default_rng(5).normal(0.0003, 0.01, len(days))
    return pd.DataFrame({"World": 100.0 * np.exp(np.cumsum(steps))}, index=days.rename("date"))


@pytest.fixture
def desk(write: Callable[..., Path]) -> Callable[..., Portfolio]:
    """Load the small file with a benchmark, beside a file of levels."""

    def loaded(value: object, frame: pd.DataFrame | None = None, file: str = "world.csv") -> Portfolio:
        path = write()
        if frame is not None:
            frame.to_csv(path.parent / file)
        return load_portfolio(path, {} if value is None else {"benchmark": value})

    return loaded


def test_without_the_key_it_is_the_strategic_target(desk) -> None:
    assert (desk(None).benchmark.kind, "benchmark" in desk(None).settings) == ("strategic", False)
    assert desk("strategic").benchmark.kind == "strategic"


def test_it_may_be_none_a_policy_or_a_line_that_is_not_held(desk) -> None:
    assert desk("none").benchmark.kind == "none"
    named = desk("quarterly").benchmark
    assert (named.kind, named.name) == ("policy", "quarterly")
    gold, market = desk("GLD").benchmark, load_market("multi_asset_daily")
    assert np.array_equal(gold.returns, market.returns[:, market.assets.index("GLD")])
    assert desk("GLD").settings["benchmark"] == "GLD"


def test_a_file_gives_the_returns_of_its_levels(desk) -> None:
    frame = levels()
    found = desk("world.csv", frame).benchmark
    expected = frame["World"].pct_change().to_numpy()[OPENING + 1 :]
    assert found.returns[OPENING + 1 :] == pytest.approx(expected, rel=1e-9)
    assert np.isnan(found.returns[: OPENING + 1]).all()
    assert found.name == "World"


def test_a_series_may_begin_at_the_close_before_the_test_and_go_on_after_it(desk) -> None:
    later = DAYS.append(pd.DatetimeIndex(["2023-01-03"]))
    assert np.isfinite(desk("world.csv", levels(later[OPENING:])).benchmark.returns[OPENING + 1 :]).all()


def test_one_of_several_columns_is_named(desk) -> None:
    frame = levels().assign(Other=1.0)
    assert desk({"file": "world.csv", "column": "World"}, frame).benchmark.name == "World"
    with pytest.raises(ConfigError, match=r"world\.csv has 2 columns .*found 'World, Other'\. Name one"):
        desk("world.csv", frame)
    with pytest.raises(ConfigError, match=r"no column of world\.csv .*found 'Wrld'\. Did you mean 'World'"):
        desk({"file": "world.csv", "column": "Wrld"}, frame)


def test_the_settings_make_the_same_benchmark_and_know_another_file(desk, tmp_path) -> None:
    first = desk("world.csv", levels())
    again = desk(first.settings["benchmark"])
    assert again.settings == first.settings
    assert np.array_equal(again.benchmark.returns, first.benchmark.returns, equal_nan=True)
    with pytest.raises(ConfigError, match=r"world\.csv has changed since: its sha256 is [0-9a-f]{64}"):
        desk(first.settings["benchmark"], levels() * 2.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f[OPENING + 1 :], r"begins on 2015-01-02, after 2014-12-31, the close before the test.*Give levels"),
        (lambda f: f[:-1], r"ends on 2022-12-28, before 2022-12-29, the last close of the test.*Complete it"),
        (
            lambda f: f.drop(f.index[[3000, 3001]]),
            r"lacks 2 days that are sessions of market 'multi_asset_daily', the first 2019-06-26",
        ),
        (lambda f: f.drop(f.index[3000]), r"lacks 1 day that is a session of market"),
        (
            lambda f: pd.concat([f, f[-1:].set_axis(pd.DatetimeIndex(["2018-12-05"]))]).sort_index(),
            r"another calendar: it has 1 day .*the first 2018-12-05.*Leave out the days",
        ),
        (
            lambda f: f.assign(World=f["World"].where(f.index != DAYS[3000])),
            r"has no level for World on 2019-06-26 \(world\.csv, row 3002\)",
        ),
        (lambda f: f.pct_change().fillna(0.0), r"has the level .*Give levels above zero, such as closes: they are not"),
    ],
    ids=["late", "short", "gaps", "gap", "another calendar", "empty cell", "returns"],
)
def test_a_series_that_does_not_fit_is_refused(desk, change, words) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        desk("world.csv", change(levels()))
    assert str(refused.value).startswith("benchmark: world.csv")
    assert "found 'world.csv'" in str(refused.value)


def test_a_word_that_is_nothing_is_refused_with_what_it_may_be(desk) -> None:
    with pytest.raises(ConfigError, match=r"benchmark: no benchmark .*found 'quartely'.*Did you mean 'quarterly'"):
        desk("quartely")
    with pytest.raises(ConfigError, match=r"the series cannot be read: .*nowhere\.csv cannot be read"):
        desk("nowhere.csv")
    with pytest.raises(ConfigError, match="unknown key"):
        desk({"file": "world.csv", "colum": "World"}, levels())


def test_a_line_that_is_listed_too_late_is_refused(write) -> None:
    path = write("test_start: 2015-01-02", "test_start: 2009-01-02")
    market = load_market("multi_asset_daily")
    late = market.assets[int(np.argmax(~market.listed[market.row("2009-01-02")]))]
    with pytest.raises(ConfigError, match=rf"{late} of market 'multi_asset_daily' is not listed on 2008-12-31"):
        load_portfolio(path, {"benchmark": late})
