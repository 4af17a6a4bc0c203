"""What a check says: scores, tables, the asset of a sheet, the text of a terminal, and the bars round a finding."""

import re

import numpy as np
import pytest
from cases import cases
from clean_rows import clean_rows

from foundation.errors import ConfigError, DataError
from research.market.calendars import sessions
from research.market.quality import FINDING_KINDS, check
from research.market.quality.findings import finding, quality_score
from research.market.store import KnownBars, known_of_rows

DAYS = np.arange("2020-01-06", "2020-01-11", dtype="datetime64[D]")


def few(closes: list[float], **numbers: list[float]) -> KnownBars:
    """Five sessions of one asset, Monday to Friday."""
    columns = {name: np.array(values, dtype=float) for name, values in {"close": closes, **numbers}.items()}
    return KnownBars(("A",), np.zeros(len(closes), int), DAYS[: len(closes)], columns)


def test_a_kind_costs_points_for_each_day_up_to_its_most() -> None:
    gap, volume = finding("gap", "A", DAYS[:3], 3, ""), finding("volume", "A", DAYS[:1], 1, "")
    assert quality_score([gap, volume]) == 100.0 - 3.0 - 0.25
    assert quality_score([finding("gap", "A", DAYS, 5, "", events=1000), gap]) == 100.0 - FINDING_KINDS["gap"].most


def test_a_score_is_never_below_zero() -> None:
    assert quality_score([finding(kind, "A", DAYS, 5, "", events=1000) for kind in FINDING_KINDS]) == 0.0


def test_one_finding_that_makes_returns_wrong_must_be_looked_at() -> None:
    quality = check(few([10.0, 11.0, -1.0, 10.0, 11.0]))
    assert [each.kind for each in quality.findings] == ["nonpositive"]
    assert quality.scores == {"A": 75.0}
    assert quality.must_be_looked_at


def test_a_bar_within_rounding_of_order_is_in_order() -> None:
    close = [10.0, 11.0, 10.5, 10.0, 11.0]
    assert check(few(close, low=[value * (1 + 1e-6) for value in close])).findings == ()


def test_zero_volumes_of_a_source_without_volumes_are_no_finding() -> None:
    assert check(few([10.0, 11.0, 10.5, 10.0, 11.0], volume=[0.0] * 5)).findings == ()


def test_the_line_names_what_the_worst_asset_lost_points_for() -> None:
    quality = check(few([10.0, 11.0, 10.5, 10.0, 11.0], volume=[5.0, 0.0, 6.0, 0.0, 7.0]))
    assert quality.line() == "1 asset, 1 finding, least score A 100 (2 days without volume)."
    assert check(few([10.0, 11.0, 10.5, 10.0, 11.0])).line() == "1 asset, no findings."


@cases(
    "first, classes, points",
    (120.0, None, 70.0),
    (120.0, {"A": "cash"}, 100.0),
    (120.0, {"A": "bonds"}, 70.0),
    (1.0, None, 100.0),
)
def test_a_price_that_never_changes_is_stuck_unless_it_is_cash(
    first: float, classes: dict[str, str] | None, points: float
) -> None:
    """Chance says nothing of it: no move shows how large moves are."""
    days = sessions(np.datetime64("2020-01-02"), np.datetime64("2021-12-31"), "XNYS")
    known = KnownBars(("A",), np.zeros(len(days), int), days, {"close": np.full(len(days), first)})
    quality = check(known, classes=classes)
    assert quality.scores == {"A": points}
    said = "A keeps the close 120 for 505 sessions, from 2020-01-03 to 2021-12-31."
    assert [each.sentence for each in quality.findings] == ([said] if points < 100.0 else [])


def test_tables_have_a_row_an_asset_and_a_row_a_finding() -> None:
    quality = check(few([10.0, 11.0, 10.5, 10.0, 11.0], volume=[5.0, 0.0, 6.0, 0.0, 7.0]))
    assert quality.table().loc["A", ["score", "bars", "still"]].tolist() == [99.5, 5, 0]
    (row,) = quality.findings_table().to_dict("records")
    assert (row["kind"], row["events"], row["points"]) == ("volume", 2, 0.5)


def test_the_text_has_scores_findings_and_what_could_not_be_checked() -> None:
    text = check(few([10.0, 11.0, -1.0, 10.0, 11.0])).text()
    assert re.search(r"^A +75 +5 +2020-01-06 +2020-01-10 +0 +1 close at or below zero$", text, re.MULTILINE)
    assert "A has a close at or below zero on 1 of 5 days, on 2020-01-08." in text
    assert "Not checked, since the rows have none: bars, volumes, dividends, splits." in text
    assert text.endswith("An asset below 80 of 100 must be looked at.")


def test_histories_too_short_for_a_scale_are_named() -> None:
    assert "Moves are not checked of fewer than 20 bars: A." in check(few([10.0, 11.0])).unchecked


def test_suspicious_days_are_shown_with_two_bars_on_each_side() -> None:
    rows = clean_rows(6)
    own = rows.index[rows["asset_id"] == "A2"]
    rows.loc[own[[100, 200]], "volume"] = 0.0
    quality = check(known_of_rows(rows))
    around = quality.around("A2")
    assert around["close"].tolist() == rows.loc[own[[*range(98, 103), *range(198, 203)]], "close"].tolist()
    assert np.flatnonzero(around["suspicious"]).tolist() == [2, 7]
    (found,) = (each for each in quality.findings if each.asset)
    assert len(quality.around("A2", found.days[:1])) == 5
    assert quality.around("A1").empty


def test_nothing_to_check_is_said() -> None:
    with pytest.raises(DataError, match="no rows of assets to check"):
        check(KnownBars((), np.zeros(0, int), DAYS[:0], {"close": np.zeros(0)}))
    with pytest.raises(DataError, match="no rows of B to check"):
        check(KnownBars(("A", "B"), np.zeros(1, int), DAYS[:1], {"close": np.ones(1)}))


def test_an_asset_without_a_calendar_is_named() -> None:
    with pytest.raises(ConfigError, match="name the exchange calendar of A, such as XNYS"):
        check(few([10.0, 11.0]), {"B": "XNYS"})


def test_rows_that_are_rarer_than_sessions_have_no_gaps() -> None:
    days = np.arange("2015-01", "2020-01", dtype="datetime64[M]").astype("datetime64[D]")
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(0).normal(0.0, 0.04, len(days))))
    quality = check(KnownBars(("A",), np.zeros(len(days), int), days, {"close": close}))
    assert quality.findings == ()
    assert "Gaps are not checked where rows are rarer than sessions: A." in quality.unchecked


def test_a_last_bar_on_a_day_without_a_session_is_found() -> None:
    days = np.append(DAYS, np.datetime64("2020-01-11"))  # a Saturday
    close = np.array([10.0, 11.0, 10.0, 11.0, 10.0, 11.0])
    (found,) = check(KnownBars(("A",), np.zeros(6, int), days, {"close": close})).findings
    assert (found.kind, found.events, found.first) == ("closed", 1, np.datetime64("2020-01-11"))
