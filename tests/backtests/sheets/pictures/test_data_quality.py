"""The calendar of defects: its counts are those of the findings, and its words say where most are."""

import pandas as pd
import pytest
from clean_rows import clean_rows

from backtests.sheets.pictures.data_quality import defect_months, quality_picture
from research.market.quality import Quality, check
from research.market.store import known_of_rows


@pytest.fixture(scope="module")
def quality() -> Quality:
    """Two days without volume in March 2012, one of them out of order too, and one in May."""
    rows = clean_rows(6)
    own = rows["asset_id"] == "A3"
    for day in ("2012-03-06", "2012-03-07", "2012-05-02"):
        rows.loc[own & (rows["session"] == pd.Timestamp(day)), "volume"] = 0.0
    rows.loc[own & (rows["session"] == pd.Timestamp("2012-03-06")), "low"] = 1e6
    return check(known_of_rows(rows))


def test_each_suspicious_day_is_counted_once_in_its_month(quality: Quality) -> None:
    assert sorted(each.kind for each in quality.findings if each.asset) == ["order", "volume"]
    months = defect_months(quality)
    counts = months.loc["A3"]
    assert counts[counts > 0].to_dict() == {"2012-03": 2, "2012-05": 1}
    assert months.to_numpy().sum() == 3
    assert months.columns[[0, -1]].tolist() == ["2010-01", "2013-12"]


def test_the_lowest_score_stands_first(quality: Quality) -> None:
    assert defect_months(quality).index[0] == "A3"


def test_the_picture_says_which_asset_has_most_and_when(quality: Quality) -> None:
    picture = quality_picture(quality)
    assert picture.caption.startswith("Suspicious days: A3 3.")
    assert "A3: 2 in 2012-03 and 1 in 2012-05." in picture.alt
    for drawing, unit in ((picture.wide, "month"), (picture.narrow, "month")):
        for words in ("A3", "A0", f"suspicious days of each {unit}", "21 or more", "2012"):
            assert words in drawing


def test_a_market_without_suspicious_days_has_its_bars_drawn() -> None:
    picture = quality_picture(check(known_of_rows(clean_rows(6, "2011-12-30"))))
    assert picture.caption.startswith("No suspicious days.")
    assert picture.alt.endswith("There are none.")
    assert picture.narrow.count("var(--wash)") == 6
