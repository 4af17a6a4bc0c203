"""Growth net of peers: the median of the others, over the days of a gap, and of its class where that suffices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from research.market.quality.peers import FEWEST_PEERS, log_growth, median_of_others, net_of_peers
from research.market.store import KnownBars


def known_of(closes: dict[str, list[float]], start: str = "2020-01-06") -> KnownBars:
    """Closes by asset on days in a row; NaN where there is no bar."""
    days = np.datetime64(start, "D") + np.arange(max(map(len, closes.values())))
    table = np.array(list(closes.values()), dtype=float)
    asset, day = np.nonzero(~np.isnan(table))
    return KnownBars(tuple(closes), asset, days[day], {"close": table[asset, day]})


numbers = st.one_of(st.just(np.nan), st.integers(-3, 3).map(float))


@settings(max_examples=40)
@given(arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 9)), elements=numbers))
def test_the_median_of_others_is_that_of_the_row_without_the_value(values: np.ndarray) -> None:
    found = median_of_others(values)
    for row, column in np.ndindex(values.shape):
        others = np.delete(values[row], column)
        others = others[~np.isnan(others)]
        assert found[row, column] == (np.median(others) if len(others) >= 3 else 0.0)


def test_growth_has_the_split_and_dividend_of_the_later_row() -> None:
    close, split, dividend = np.array([100.0, 24.0, 25.0]), np.array([1.0, 4.0, 1.0]), np.array([0.0, 1.0, 0.0])
    days = np.arange("2020-01-06", "2020-01-09", dtype="datetime64[D]")
    known = KnownBars(("A",), np.zeros(3, int), days, {"close": close, "split": split, "dividend": dividend})
    assert log_growth(known) == pytest.approx([0.0, np.log(4.0 * 25.0 / 100.0), np.log(25.0 / 24.0)])


def test_what_all_assets_do_together_is_nobody_s_move() -> None:
    known = known_of({name: [100.0, 90.0, 99.0] for name in "ABCD"})
    assert net_of_peers(known, log_growth(known), {}) == pytest.approx(np.zeros(12), abs=1e-6)


def test_over_a_gap_the_peers_growth_of_each_day_is_summed() -> None:
    peers = {name: [50.0, 55.0, 60.5, 66.55] for name in "BCD"}
    known = known_of({"A": [100.0, np.nan, np.nan, 133.1], **peers})
    assert net_of_peers(known, log_growth(known), {})[:2] == pytest.approx([0.0, 0.0], abs=1e-6)


def test_an_asset_alone_has_no_peers() -> None:
    known = known_of({"A": [100.0, 110.0]})
    assert net_of_peers(known, log_growth(known), {}) == pytest.approx([0.0, np.log(1.1)])


def test_peers_are_of_the_class_where_it_is_large_enough() -> None:
    bonds = {f"B{i}": [100.0, 101.0] for i in range(FEWEST_PEERS + 1)}
    known = known_of(bonds | {f"S{i}": [100.0, 120.0] for i in range(FEWEST_PEERS + 4)})
    net = net_of_peers(known, log_growth(known), {name: name[0] for name in known.assets})
    assert net == pytest.approx(np.zeros(len(net)), abs=1e-6)
    assert net_of_peers(known, log_growth(known), {})[1] == pytest.approx(np.log(1.01 / 1.20), abs=1e-6)
