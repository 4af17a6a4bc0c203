"""The forecast book: nothing is lost or changed, damage is refused, and what was said is what a walk-forward says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from simulated import every_day

from backtests.studies.forecasts.book import disagreements, enter, entries, entry_of, model_of, write_card
from backtests.studies.forecasts.walk_forward import walk_forward
from foundation.errors import DataError
from research.forecast import Estimated
from research.market import Market

FORECAST, HORIZON = Estimated(window=60), 21


@pytest.fixture(scope="module")
def market() -> Market:
    return every_day(days=500, n=3, seed=9)


def test_what_is_entered_is_read_back_to_the_bit_once(market: Market, tmp_path: Path) -> None:
    days = ("2020-06-30", "2020-09-30")
    made = [entry_of(FORECAST, market.until(day), HORIZON) for day in days]
    assert [enter(tmp_path, entry) for entry in made] == [True, True]
    assert enter(tmp_path, made[0]) is False
    assert entries(tmp_path, model_of(FORECAST), market) == made
    assert entries(tmp_path, model_of(Estimated(window=61)), market) == []
    found = FORECAST.predict(market.past(market.row(days[1]))).over(HORIZON)
    mean, deviation = zip(*(made[1].lines[line] for line in found.assets), strict=True)
    np.testing.assert_array_equal(mean, found.mean)
    np.testing.assert_array_equal(deviation, found.volatility)


def test_the_book_is_what_a_walk_forward_over_later_days_says(market: Market, tmp_path: Path) -> None:
    entry = entry_of(FORECAST, market.until("2020-06-30"), HORIZON)
    enter(tmp_path, entry)
    path = walk_forward(FORECAST, market, HORIZON)
    assert disagreements(path, entries(tmp_path, entry.model, market)) == []
    restated = replace(market, returns=np.where(np.arange(500)[:, None] == 150, 0.05, market.returns))
    (a, b, c) = disagreements(walk_forward(FORECAST, restated, HORIZON), entries(tmp_path, entry.model, market))
    assert a.startswith("on 2020-06-30 the book expects ")
    assert a.endswith("data up to that day were restated since.")
    assert [" of A, " in a, " of B, " in b, " of C, " in c] == [True] * 3
    rounded, changed = (replace(path, mean=path.mean + apart) for apart in (1e-13, 1e-9))
    assert disagreements(rounded, entries(tmp_path, entry.model, market)) == []
    said = disagreements(changed, entries(tmp_path, entry.model, market))
    assert [one.endswith("code, libraries or processor changed since.") for one in said] == [True] * 3


def test_another_answer_for_the_same_day_and_a_damaged_file_are_refused(market: Market, tmp_path: Path) -> None:
    entry = entry_of(FORECAST, market.until("2020-06-30"), HORIZON)
    enter(tmp_path, entry)
    with pytest.raises(DataError, match="says otherwise of A than the same model on the same data now"):
        enter(tmp_path, replace(entry, lines=entry.lines | {"A": (0.1, 0.2)}))
    (file,) = tmp_path.rglob("*.json")
    file.write_text(file.read_text().replace('"horizon": 21', '"horizon": 5'))
    with pytest.raises(DataError, match=r"is not a readable forecast: its checksum does not match\. Restore the file"):
        entries(tmp_path, entry.model, market)
    file.write_text(file.read_text()[:-40])
    with pytest.raises(DataError, match="is not a readable forecast"):
        enter(tmp_path, entry)


def test_a_forecast_of_other_lines_is_another_one(market: Market, tmp_path: Path) -> None:
    other = every_day(days=500, n=2, seed=8)
    assert set(other.assets) < set(market.assets)
    theirs = entry_of(FORECAST, other.until("2020-06-30"), HORIZON)
    enter(tmp_path, theirs)
    path = walk_forward(FORECAST, market, HORIZON)
    assert disagreements(path, entries(tmp_path, theirs.model, market)) == []
    assert write_card(tmp_path, path, FORECAST, "plain", {}).parent != theirs.path(tmp_path).parent
