"""The calendar of defects: its counts are those of the findings, and its words say where most are."""

import numpy as np
import pandas as pd
import pytest
from clean_rows import clean_rows

from backtests.sheets.pictures.data_quality import defect_months, quality_picture
from research.market import load_market
from research.market.quality import Quality, check, check_market, known_of_rows


@pytest.fixture(scope="module")
def quality() -> Quality:
    return check_market(load_market("us_etf_ohlcv"))


def test_each_suspicious_day_is_counted_in_its_month(quality: Quality) -> None:
    months = defect_months(quality)
    volumes = load_market("us_etf_ohlcv").volumes
    assert volumes is not None
    idle = quality.known.days[np.flatnonzero(quality.known.numbers["volume"] == 0.0)]
    assert months.loc["VOX"].sum() == 16
    assert months.loc["VOX"].to_dict()["2004-10"] == int(
        (idle.astype("datetime64[M]") == np.datetime64("2004-10")).sum()
    )
    assert months.index[0] == min(quality.scores, key=lambda asset: quality.scores[asset])


def test_a_day_of_two_findings_counts_once() -> None:
    rows = clean_rows(6)
    day = pd.Timestamp("2012-03-06")
    rows.loc[(rows["asset_id"] == "A3") & (rows["session"] == day), ["volume", "low"]] = [0.0, 1e6]
    quality = check(known_of_rows(rows))
    assert sorted(each.kind for each in quality.findings if each.asset) == ["order", "volume"]
    assert defect_months(quality).to_numpy().sum() == 1


def test_the_picture_says_which_assets_have_most(quality: Quality) -> None:
    picture = quality_picture(quality)
    assert picture.caption.startswith("Suspicious days: XLF 92, VOX 16, VUG 3 and BND 1.")
    assert "VOX: 9 in 2004-10" in picture.alt
    for name in ("VOX", "SPY", "suspicious days of each quarter", "21 or more"):
        assert name in picture.wide
    assert len(picture.wide) < 50_000


def test_a_market_without_suspicious_days_is_drawn_too() -> None:
    picture = quality_picture(check(known_of_rows(clean_rows(6))))
    assert picture.caption.startswith("No suspicious days.")
    assert "suspicious days of each month" in picture.wide
