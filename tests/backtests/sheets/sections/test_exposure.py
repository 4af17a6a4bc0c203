"""The sections on exposure and on the worst days: what they show sums to the whole and is the backtests'."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from written import section_words

from backtests.comparison import compare
from backtests.sheets.parts import Folded, Words, pictures_in
from backtests.sheets.sections.exposure import exposure_parts, worst_days_parts
from foundation.paper.svg import HUES
from research.risk import volatility


def numbers(folder: Path, key: str) -> Any:
    return json.loads((folder / "tearsheet.json").read_text(encoding="utf-8"))[key]


def test_the_areas_are_the_weights_of_each_class(comparison, folder) -> None:
    played, data = comparison.backtests["threshold"], pd.read_csv(folder / "figures" / "exposure_class.csv")
    assert data["date"].tolist() == [f"{day:%Y-%m-%d}" for day in played.dates]
    for name in data.columns[1:]:
        lines = [a for a, c in zip(played.market.assets, played.market.asset_class, strict=True) if c == name]
        assert data[name].to_numpy() == pytest.approx(played.weights[lines].sum(axis=1).to_numpy(), abs=1e-9)
    assert data.iloc[:, 1:].sum(axis=1).to_numpy() == pytest.approx(1.0, abs=1e-6)  # a day's cash of 1e-7 has no area


def test_a_class_is_named_in_words_and_has_no_colour_of_a_policy(comparison) -> None:
    (drawn,) = [one for one in pictures_in(exposure_parts(comparison)) if one.name == "exposure_class"]
    assert "US equity from " in drawn.alt
    for svg in (drawn.wide, drawn.narrow):
        assert "US equity<" in svg
        assert "us_equity" not in svg
        assert [hue for hue in HUES if f"--{hue}" in svg] == []


def test_one_currency_is_a_sentence_and_no_picture(folder) -> None:
    assert "All assets are in USD." in section_words(folder, "exposure")
    assert not (folder / "figures" / "exposure_currency.csv").exists()


def test_contributions_in_the_json_the_csv_and_the_table_are_one(comparison, folder) -> None:
    found, data = numbers(folder, "exposure"), pd.read_csv(folder / "figures" / "contributions.csv")
    shares, net = found["contributions"], comparison.backtests[found["policy"]].net_returns
    assert shares["realised_volatility"] == pytest.approx(volatility(net, 252), rel=1e-12)
    for column in ("weight", "ex_ante", "realised"):
        assert sum(row[column] for row in shares["lines"].values()) == pytest.approx(1.0, abs=1e-12)
        assert sum(row[column] for row in shares["classes"].values()) == pytest.approx(1.0, abs=1e-12)
        expected = [row[column] for row in shares["lines"].values()]
        assert data[column].to_numpy() == pytest.approx(expected, rel=1e-9, abs=1e-12)
    equity = shares["classes"]["us_equity"]
    both = [shares["lines"][name]["ex_ante"] for name in ("SPY", "QQQ")]
    assert equity["ex_ante"] == pytest.approx(sum(both), rel=1e-12)
    assert f"US equity {100 * equity['weight']:.1f} {100 * equity['ex_ante']:.1f} " in section_words(folder, "exposure")


def test_the_worst_days_say_what_each_policy_did(comparison, folder) -> None:
    rows = numbers(folder, "worst_days")
    returns = pd.Series(comparison.backtests["quarterly"].net_returns, comparison.backtests["quarterly"].dates[1:])
    assert [row["day"] for row in rows] == [f"{day:%Y-%m-%d}" for day in returns.nsmallest(10).index]
    text = section_words(folder, "worst_days")
    for row in rows:
        cells = text[text.index(f" {row['day']} ", text.index("policy by policy")) :]
        for one in row["policies"].values():
            assert f"{100 * one['value']:.2f}".replace("-", "−") in cells
    assert any(one["turnover"] or one["next"] for row in rows for one in row["policies"].values())
    assert "traded" in text


# of which little can be said


def test_one_class_is_a_sentence_and_its_lines_one_table(portfolio) -> None:
    instruments = portfolio.market.instruments.assign(asset_class="funds")
    one = replace(portfolio, market=replace(portfolio.market, instruments=instruments))
    parts = exposure_parts(compare(one, only=["quarterly", "never"], draws=100))
    assert "All assets are of the class funds." in [part.text for part in parts if isinstance(part, Words)]
    assert [picture.name for picture in pictures_in(parts)] == ["contributions", "concentration"]
    assert any(isinstance(part, Folded) for part in parts)


def test_some_months_have_reasons(portfolio) -> None:
    short = replace(portfolio, market=portfolio.market.until("2015-03-31"), test_start=pd.Timestamp("2015-01-02"))
    found = compare(short, only=["quarterly", "never"], draws=100)
    words = " ".join(part.text for part in exposure_parts(found) if isinstance(part, Words))
    drawn = {picture.name: picture for picture in pictures_in(exposure_parts(found))}
    assert "Ex-ante contributions to risk are not available" in words or found.exposure.contributions.undefined == {}
    assert not re.search(r"(?i)\bnan\b", words + drawn["concentration"].caption + drawn["concentration"].wide)


def test_a_market_that_only_rises_has_no_worst_days(portfolio) -> None:
    market = portfolio.market
    up = replace(market, returns=np.abs(market.returns) + 0.002 * (market.returns != 0.0))
    rising = replace(portfolio, market=up, test_start=pd.Timestamp("2021-01-04"))
    assert worst_days_parts(compare(rising, only=["quarterly", "never"], draws=100)) == []
