"""The section on risk: its CSVs, table and numbers are the backtests'; what there is not is a sentence, never a NaN."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import check_page, redrawn
from written import section_words

from backtests.comparison import Comparison, compare
from backtests.evaluation.policy_risk import PolicyRisk
from backtests.sheets.parts import Part, Words, pictures_in
from backtests.sheets.sections.risk import risk_numbers, risk_parts
from foundation.paper.render import per_cents
from foundation.paper.wording import percent
from research.portfolio import Portfolio
from research.risk import calendar_months, calendar_years, rolling_sharpe, rolling_volatility


def csv(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / "figures" / f"{name}.csv")


def section(folder: Path) -> str:
    return section_words(folder, "risk")


def numbers(folder: Path) -> dict[str, dict[str, object]]:
    text = (folder / "tearsheet.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, object]] = json.loads(text)["risk"]
    return found


def notes(comparison: Comparison) -> str:
    """The paragraphs of the section."""
    return " ".join(part.text for part in risk_parts(comparison) if isinstance(part, Words))


def shown(comparison: Comparison) -> str:
    return comparison.recommendation.policy or comparison.reference


# every number is the backtest's


def test_the_recommended_policy_stands_beside_the_reference(comparison, folder) -> None:
    assert shown(comparison) == "threshold"
    assert list(comparison.risk) == list(numbers(folder)) == ["threshold", "quarterly"]
    assert "Of threshold, the recommended policy, beside quarterly, the reference." in section(folder)


def test_the_numbers_behind_the_months_are_the_backtests(comparison, folder) -> None:
    played, data = comparison.backtests[shown(comparison)], csv(folder, "months")
    days = played.dates[1:].to_numpy()
    months, by_month = calendar_months(days, played.net_returns)
    years, by_year = calendar_years(days, played.net_returns)
    assert data["period"].tolist() == [*months.astype(str), *years.astype(str)]
    assert data["return"].to_numpy() == pytest.approx(np.concatenate([by_month, by_year]), rel=1e-10)
    assert data.loc[data["incomplete"], "period"].tolist() == ["2022-12", "2022"]  # it ends on the 29th


def test_the_numbers_behind_the_rolling_year_are_the_backtests(comparison, folder) -> None:
    data = csv(folder, "rolling")
    assert list(dict.fromkeys(data["policy"])) == ["threshold", "quarterly"]
    for name, own in data.groupby("policy"):
        played = comparison.backtests[name]
        cash = played.market.cash[played.first + 1 :]
        assert own["date"].tolist() == [f"{day:%Y-%m-%d}" for day in played.dates[252:]]
        assert own["volatility"].to_numpy() == pytest.approx(rolling_volatility(played.net_returns, 252, 252), rel=1e-9)
        expected = rolling_sharpe(played.net_returns, cash, 252, 252)
        assert own["sharpe"].to_numpy() == pytest.approx(expected, rel=1e-9, abs=1e-10)
        assert own["tracking_error"].to_numpy() == pytest.approx(comparison.risk[name].rolling["tracking_error"])


def test_the_rolling_beta_is_to_the_strategic_target(comparison, folder) -> None:
    for name, own in csv(folder, "rolling").groupby("policy"):
        assert own["beta"].to_numpy() == pytest.approx(comparison.risk[name].rolling["beta"], rel=1e-10)
        assert numbers(folder)[name]["benchmark"] == "the strategic target"
    assert "Beta is to the strategic target." in section(folder)


def test_the_best_and_the_worst_periods_are_pandas(comparison, folder) -> None:
    text = section(folder)
    for name in comparison.risk:
        net = pd.Series(comparison.backtests[name].net_returns, comparison.backtests[name].dates[1:])
        written_ = numbers(folder)[name]["extremes"]
        for length, rule in {"month": "M", "quarter": "Q", "year": "Y"}.items():
            found = (1.0 + net).groupby(net.index.to_period(rule)).prod() - 1.0
            assert written_[length]["best"]["value"] == pytest.approx(found.max(), rel=1e-9)
            assert written_[length]["worst"]["value"] == pytest.approx(found.min(), rel=1e-9)
            assert written_[length]["count"] == len(found)
            assert (
                f"{' '.join(percent(found.min(), signed=True).split())} {str(found.idxmin()).replace('Q', '-Q')}"
                in text
            )
        assert written_["day"]["worst"]["period"] == f"{net.idxmin():%Y-%m-%d}"


def test_the_bars_count_every_day_once(comparison, folder) -> None:
    data = csv(folder, "daily_returns")
    assert data["from"].to_numpy()[1:] == pytest.approx(data["to"].to_numpy()[:-1], abs=1e-12)
    assert 30 <= len(data) <= 60
    for name in comparison.risk:
        net, days = comparison.backtests[name].net_returns, data[f"days of {name}"].to_numpy()
        assert days.sum() == len(net)
        assert np.cumsum(days)[:-1].tolist() == [(net < end).sum() for end in data["to"].to_numpy()[:-1]]


def test_the_table_and_the_json_have_the_drawdowns(comparison, folder) -> None:
    text = section(folder)
    for name, one in comparison.risk.items():
        rows = numbers(folder)[name]["drawdowns"]
        assert len(rows) == len(one.drawdowns) == 5
        for row, fall in zip(rows, one.drawdowns, strict=True):
            peak, trough = one.dates[fall.peak], one.dates[fall.trough]
            recovered = None if fall.recovery is None else one.dates[fall.recovery]
            end = one.dates[-1] if recovered is None else recovered
            assert row == {
                "depth": fall.depth,
                "peak": f"{peak:%Y-%m-%d}",
                "trough": f"{trough:%Y-%m-%d}",
                "recovery": None if recovered is None else f"{recovered:%Y-%m-%d}",
                "days_to_trough": (trough - peak).days,
                "days_to_recovery": None if recovered is None else (recovered - trough).days,
                "days": (end - peak).days,
            }
            back = "not yet" if recovered is None else f"{recovered:%Y-%m-%d}"
            assert f"{name} {plain(fall.depth)} {peak:%Y-%m-%d} {trough:%Y-%m-%d} {back}" in text


def plain(depth: float) -> str:
    """A fraction in per cent, as `section` has it."""
    return " ".join(percent(depth).split())


def test_the_losses_are_marked_and_in_the_json(comparison, folder) -> None:
    page = (folder / "tearsheet.html").read_text(encoding="utf-8")
    (drawn,) = re.findall(r'<figure id="figure-daily_returns">.*?</figure>', page, flags=re.DOTALL)
    for level in (0.95, 0.99):
        tail = comparison.risk[shown(comparison)].tails[level]
        assert numbers(folder)[shown(comparison)]["tails"][f"{level:g}"] == {"var": tail.var, "cvar": tail.cvar}
        for words, loss in (("VaR", tail.var), ("CVaR", tail.cvar)):
            words = per_cents(f">{words} {percent(level, 0)}: {percent(loss, 2)}</text>")
            assert drawn.count(words) == 2  # wide and narrow


# of which little can be said


def cut(portfolio: Portfolio, start: str, end: str = "2022-12-29") -> Portfolio:
    return replace(portfolio, market=portfolio.market.until(end), test_start=pd.Timestamp(start))


def few(portfolio: Portfolio) -> tuple[Comparison, list[Part]]:
    """A comparison of two policies, and its section."""
    found = compare(portfolio, only=["quarterly", "never"], draws=100)
    return found, list(risk_parts(found))


def test_some_months_have_no_rolling_year_and_no_percentile_of_few_days(portfolio, tmp_path) -> None:
    found, parts = few(cut(portfolio, "2022-09-01"))
    pictures = {picture.name: picture for picture in pictures_in(parts)}
    text = " ".join([notes(found), *(picture.caption for picture in pictures.values())])
    reason = "Rolling volatility, Sharpe ratio, tracking error and beta need a year of 252 returns: the test has 83."
    assert reason in text
    assert "None at 99 %: 83 returns leave 0.83 observations in the tail" in text
    assert "rolling" not in pictures
    drawn = pictures["months"].wide + pictures["months"].narrow
    assert [drawn.count(f">{month}</text>") for month in ("Jan", "Sep")] == [
        1,
        2,
    ]  # a narrow page leaves out Jan to Jun
    shown = "".join(redrawn(picture._repr_html_()) for picture in pictures.values())
    assert not re.search(r"(?i)\bnan\b", text + re.sub(r"<style.*?</style>", "", shown, flags=re.DOTALL))
    check_page(shown, drawn=20)


def test_a_year_to_the_day_has_one_point(portfolio, tmp_path) -> None:
    _, parts = few(cut(portfolio, str(portfolio.market.days[portfolio.market.row("2022-12-29") - 251])))
    (rolling,) = [picture for picture in pictures_in(parts) if picture.name == "rolling"]
    assert rolling.data["date"].tolist() == ["2022-12-29"] * len(rolling.data)
    check_page(redrawn(rolling._repr_html_()), drawn=8)


def test_nothing_recommended_shows_the_reference_alone(portfolio) -> None:
    strict = replace(portfolio, limits=replace(portfolio.limits, tracking_error=1e-5))
    found = compare(strict, only=["quarterly", "never"], draws=100)
    assert "Of quarterly, the reference, since no policy is recommended." in notes(found)
    assert list(found.risk) == ["quarterly"]


def test_a_market_that_only_rises_has_no_drawdown(portfolio) -> None:
    market = portfolio.market
    rising = replace(
        portfolio, market=replace(market, returns=np.abs(market.returns) + 0.002 * (market.returns != 0.0))
    )
    compared = compare(cut(rising, "2021-01-04"), only=["quarterly", "never"], draws=100)
    parts = risk_parts(compared)
    assert "never fell below an earlier close: no drawdown." in notes(compared)
    assert not any("The deepest drawdowns" in part["caption"] for part in parts if isinstance(part, dict))
    assert all(one["drawdowns"] == [] for one in map(risk_numbers, compared.risk.values()))
    drawn = "".join(picture.wide + picture.narrow + picture.caption for picture in pictures_in(parts))
    assert not re.search(r"(?i)\bnan\b", notes(compared) + drawn)


def test_returns_that_do_not_vary_have_no_distribution(comparison, monkeypatch) -> None:
    monkeypatch.setitem(comparison.__dict__, "risk", {name: constant(one) for name, one in comparison.risk.items()})
    parts = risk_parts(comparison)
    pictures = list(pictures_in(parts))
    assert [picture.name for picture in pictures] == ["months", "rolling"]
    (table,) = (part for part in parts if isinstance(part, dict))  # of the best and worst periods, not of drawdowns
    assert table["caption"].startswith("The best and the worst day")
    notes = " ".join(part.text for part in parts if isinstance(part, Words))
    assert "threshold and quarterly never fell below an earlier close: no drawdown." in notes
    assert "Rolling Sharpe ratio of threshold and quarterly not available: no ratio." in notes
    assert f"All returns of a day of threshold are {percent(0.0, 4)}: there is no distribution to show." in notes
    drawn = "".join(picture.wide + picture.narrow + picture.caption for picture in pictures)
    assert not re.search(r"(?i)\bnan\b", drawn)
    assert risk_numbers(comparison.risk["threshold"])["rolling"]["sharpe"] is None


def constant(one: PolicyRisk) -> PolicyRisk:
    """The risk of a policy that only held cash without interest."""
    zero = {"volatility": 0.0 * one.rolling["volatility"], "tracking_error": one.rolling["tracking_error"]}
    return replace(
        one,
        returns=0.0 * one.returns,
        drawdowns=[],
        months=one.months.assign(**{"return": 0.0}),
        years=one.years.assign(**{"return": 0.0}),
        rolling=zero,
        undefined={"sharpe": "no ratio."},
    )
