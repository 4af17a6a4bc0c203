"""Trained trees in a file: read back to the bit, and refused where version, features or data are others."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import planted

from foundation.errors import DataError
from research.forecast import Boosted, FittedBoosted, load_boosted, save_boosted
from research.forecast.boosted.libraries import BOOSTING_LIBRARIES
from research.forecast.boosted.model import _checksum
from research.market import Market

MODEL = Boosted(horizon=5, window=450, rounds=10, min_data_in_leaf=20, monotone={"momentum_63": 1})


@pytest.fixture(scope="module")
def market() -> Market:
    return planted(days=700)


@pytest.fixture(scope="module")
def fitted(market: Market) -> FittedBoosted:
    return MODEL.fit(market.past(600))


def altered(path: Path, sealed: bool = True, **values: Any) -> Path:
    """The file with other values, with the checksum of these or without."""
    record = json.loads(path.read_text()) | values
    checksum = record.pop("checksum")
    path.write_text(json.dumps(record | {"checksum": _checksum(record) if sealed else checksum}))
    return path


@pytest.mark.parametrize("library", BOOSTING_LIBRARIES)
def test_trees_are_read_back_to_the_bit(market: Market, tmp_path: Path, library: Any) -> None:
    fitted = replace(MODEL, library=library).fit(market.past(600))
    path = save_boosted(fitted, tmp_path / "trees.json")
    assert save_boosted(fitted, tmp_path / "again.json").read_bytes() == path.read_bytes()
    found = load_boosted(path, market.past(650))
    assert found == fitted
    assert found.predict(market.past(650)).mean.tobytes() == fitted.predict(market.past(650)).mean.tobytes()


def test_a_file_that_is_none_or_damaged_is_refused(market: Market, fitted: FittedBoosted, tmp_path: Path) -> None:
    path = tmp_path / "trees.json"
    for text, message in (
        ("tree\n", "is no file of boosted trees"),
        ("[1]", r"is no file of 'boosted trees 3': found \[1\]"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            load_boosted(path, market.past(650))
    save_boosted(fitted, path)
    with pytest.raises(DataError, match="is damaged: its checksum"):
        load_boosted(altered(path, sealed=False, mean=0.5), market.past(650))


def test_another_version_is_refused(market: Market, fitted: FittedBoosted, tmp_path: Path) -> None:
    path = save_boosted(fitted, tmp_path / "trees.json")
    with pytest.raises(DataError, match=r"was written by lightgbm '0\.1', and .* is installed"):
        load_boosted(altered(path, version="0.1"), market.past(650))
    with pytest.raises(DataError, match="is no file of 'boosted trees 3': found 'boosted trees 1'"):
        load_boosted(altered(path, format="boosted trees 1"), market.past(650))
    with pytest.raises(
        DataError, match=r"found 'boosted trees 4'\. Fit the trees anew"
    ):  # with a level and a regression
        load_boosted(altered(path, format="boosted trees 4"), market.past(650))


def test_other_data_and_features_are_refused(market: Market, fitted: FittedBoosted, tmp_path: Path) -> None:
    path = save_boosted(fitted, tmp_path / "trees.json")
    returns = market.returns.copy()
    returns[300, 0] += 1e-9
    with pytest.raises(DataError, match="was trained on other data: the fingerprint"):
        load_boosted(path, replace(market, returns=returns).past(650))
    without = replace(market, facts={"noise": market.facts["noise"]})
    with pytest.raises(DataError, match="reads the features fact_score, rank_fact_score, which this market"):
        load_boosted(path, without.past(650))
    later = np.where(np.arange(700)[:, None] > 600, 0.0, market.returns)
    assert load_boosted(path, replace(market, returns=later).past(650)) == fitted
    with pytest.raises(DataError, match="no session of the market up to"):
        load_boosted(path, market.past(599))
