"""Facts of lines: known from their stated date on, whatever form they come in, and never before."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cases import cases

from foundation.errors import DataError
from research.market import Market, market_from_frame, with_facts

DAYS = pd.DatetimeIndex(["2022-12-27", "2022-12-28", "2022-12-29", "2022-12-30"])
CAPS = pd.DataFrame(
    {"SPY": [5.0, np.nan, 7.0], "AGG": [1.0, 2.0, np.nan]},
    index=pd.DatetimeIndex(["2022-11-30", "2022-12-28", "2022-12-31"]),
)


@pytest.fixture
def market() -> Market:
    return market_from_frame(pd.DataFrame({"SPY": [1.0, 1.1, 1.2, 1.1], "AGG": [2.0, 2.1, 2.2, 2.1]}, index=DAYS))


def test_a_value_is_known_from_its_date_on_until_the_next(market: Market) -> None:
    """One of before the market is known at once, an empty cell states nothing, one of after it is not known."""
    known = with_facts(market, {"cap": CAPS})
    assert [known.past(t).fact("cap").tolist() for t in range(4)] == [[5.0, 1.0], [5.0, 2.0], [5.0, 2.0], [5.0, 2.0]]


def test_a_day_without_a_session_counts_from_the_next_session_on(market: Market) -> None:
    scores = pd.DataFrame({"SPY": [1.0]}, index=pd.DatetimeIndex(["2022-12-26"]))
    assert with_facts(market, {"score": scores}).past(0).fact("score")[0] == 1.0


def test_wide_and_long_files_of_either_kind_say_the_same(market: Market, tmp_path) -> None:
    CAPS.rename_axis("date").to_csv(tmp_path / "wide.csv")
    CAPS.to_parquet(tmp_path / "wide.parquet")
    long = CAPS.rename_axis("date").reset_index().melt("date", var_name="asset", value_name="cap").sample(frac=1.0)
    long.to_csv(tmp_path / "long.csv", index=False)
    long.to_parquet(tmp_path / "long.parquet")
    wanted = with_facts(market, {"cap": CAPS})
    for file in ("wide.csv", "wide.parquet", "long.csv", "long.parquet"):
        assert with_facts(market, {"cap": tmp_path / file}).fingerprint == wanted.fingerprint
    assert wanted.fingerprint != market.fingerprint


def test_words_are_tags_and_columns_that_do_not_change_are_facts_too(market: Market) -> None:
    sectors = pd.DataFrame({"SPY": ["tech", "energy"]}, index=DAYS[[1, 3]])
    known = with_facts(market, {"by_day": sectors, "region": {"SPY": "us"}, "esg": pd.Series({"AGG": 7})})
    assert [known.past(t).fact("by_day").tolist() for t in (0, 1, 3)] == [["", ""], ["tech", ""], ["energy", ""]]
    assert known.past(0).fact("region").tolist() == ["us", ""]
    assert np.array_equal(known.past(0).fact("esg"), [np.nan, 7.0], equal_nan=True)
    assert known.past(0).fact("asset_class").tolist() == ["other", "other"]


def test_nothing_that_a_past_gives_reaches_beyond_its_day(market: Market) -> None:
    known = with_facts(replace(market, dividends=np.zeros((4, 2)), bars={"open": market.prices}), {"cap": CAPS})
    past = known.past(1)
    arrays = [past.dividends, *past.bars.values(), *past.facts.values()]
    assert [len(array) for array in arrays] == [2, 2, 2]
    assert not any(array.flags.writeable for array in arrays)
    for hidden in ("delisted", "delisting_return"):
        with pytest.raises(DataError, match=f"has no fact '{hidden}': it has cap, asset_class"):
            past.fact(hidden)


def test_facts_follow_the_market_into_its_parts_and_pickles(market: Market) -> None:
    import pickle

    known = with_facts(market, {"cap": CAPS, "region": {"SPY": "us", "AGG": "eu"}})
    assert known.select(["AGG"]).past(1).fact("cap").tolist() == [2.0]
    assert known.until("2022-12-28").facts["cap"].shape == (2, 2)
    assert known.select(["AGG"]).past(1).fact("region").tolist() == ["eu"]
    assert pickle.loads(pickle.dumps(known)).fingerprint == known.fingerprint


@cases(
    "facts, message",
    ({"cap": pd.DataFrame({"QQQ": [1.0]}, index=DAYS[:1])}, r"states cap of 'QQQ' \(row 0\), and market 'frame' has"),
    ({"cap": pd.DataFrame({"SPY": [1.0, "big"]}, index=DAYS[:2])}, r"cap of SPY .*row 1\) is 'big', where others"),
    ({"cap": pd.DataFrame({"SPY": [1.0, 2.0]}, index=DAYS[[0, 0]])}, r"SPY is stated twice for 2022-12-27"),
    ({"cap": pd.DataFrame({"SPY": [np.inf]}, index=DAYS[:1])}, r"fact 'cap' .* holds numbers past 1e\+15"),
    ({"cap": pd.DataFrame({"when": ["27.12."], "SPY": [1.0]})}, r"row 0, column 'when': no date: found '27\.12\.'"),
    ({"cap": pd.DataFrame({"SPY": [np.nan]}, index=DAYS[:1])}, r"states no cap of any asset"),
    ({"sector": {"SPY": "tech"}}, r"named 'sector', which every market has"),
    ({"cap": {"SPY": 1.0, "AGG": "big"}}, r"cap of AGG \(the facts, AGG\) is 'big', where others are numbers"),
    ({"cap": "caps.doc"}, r"fact 'cap': unknown kind of file caps\.doc: found '\.doc'\. Save it as"),
    ({"cap": "caps.csv"}, r"fact 'cap': caps\.csv cannot be read \(no such file"),
    ({"cap": pd.DataFrame({"date": ["2022-12-27"], "asset": ["SPY"], "a": [1], "b": [2]})}, r"date, asset and one"),
)
def test_what_is_no_fact_is_refused_with_its_place(market: Market, facts: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        with_facts(market, facts)


def test_a_fact_of_another_shape_is_refused(market: Market) -> None:
    with pytest.raises(DataError, match=r"fact 'cap' of market 'frame' has shape \(2,\): give \(4, 2\)"):
        replace(market, facts={"cap": np.ones(2)})
