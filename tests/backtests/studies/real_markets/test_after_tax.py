"""The after-tax edition: worth by hand, windows of training, and the record, of which some rows are computed again."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from commanded import rebalance
from scipy import stats

from backtests.comparison.fitting.tuning import every_candidate, training_setup
from backtests.studies.real_markets import KEPT_AFTER_TAX, Budget, Study, case
from backtests.studies.real_markets.after_tax import (
    AS_COST,
    BY_LOSS,
    BY_WORTH,
    FEDERAL_RATES,
    TAX_ENDS,
    after_tax_rows,
    figures_after_tax,
    in_windows,
    taxed_cases,
)
from backtests.studies.real_markets.cases import STOCK_WINDOWS
from backtests.studies.real_markets.findings import after_tax, sentences
from backtests.studies.real_markets.run_case import TAXED_FAMILIES, TRIED, WITHOUT_TAX, _settings, untuned
from backtests.sweeps import Choices, Setup, threshold
from foundation.errors import ConfigError
from foundation.files import ROOT
from research.accounting import Tax
from research.rules import Never


def taxed(setup: Setup, end: str, window: int, loss_limit: float = 3_000.0) -> Setup:
    """The setup with the tax of the record, written out again."""
    rate, short = FEDERAL_RATES[window]
    at_end = {"liquidated": "liquidate", "forgiven": "step_up"}[end]
    tax = Tax(rate, "tax_minimal", short_rate=short, loss_limit=loss_limit, at_end=at_end)  # type: ignore[arg-type]
    return replace(setup, nav=1e6, costs=replace(setup.costs, tax=tax))


def test_the_cases_are_fully_invested_portfolios_of_few_assets_in_all_windows() -> None:
    cases = taxed_cases()
    assert len(cases) == 40
    assert {one.window for one in cases} == set(STOCK_WINDOWS) == set(FEDERAL_RATES)
    assert {one.name.rpartition("-")[0] for one in cases} == {
        *("stocks-2", "stocks-6", "stocks-10a", "funds-2", "funds-6", "funds-9", "funds-10")
    }


@pytest.mark.parametrize("end", TAX_ENDS)
def test_the_worth_of_never_trading_by_hand(end: str) -> None:
    """SPY and AGG from 2016 to 2018, bought at the close before: both rose, and at 23.8 % all gains are long-term."""
    one = case("funds-2-2016")
    found, market = figures_after_tax(taxed(one.setup, end, 2016), Never(one.setup.strategic)), one.market
    first = int(market.dates.searchsorted(one.start)) - 1
    growth = np.cumprod(1.0 + market.returns[first + 1 :].astype(float), axis=0)
    bought = np.array([0.6, 0.4]) / (1.0 + 0.001)  # of one; the cost of 10 bp comes from the same money
    nav = growth @ bought
    due = 0.238 * float((bought * (growth[-1] - 1.0)).sum()) if end == "liquidated" else 0.0
    returns = nav / np.append(bought.sum(), nav[:-1]) - 1.0
    tracked = 0.5 * 5.0 * 252.0 * float(((returns - market.returns[first + 1 :] @ [0.6, 0.4]) ** 2).mean())
    years = len(nav) / 252.0
    grown = np.log((nav[-1] - due) / bought.sum()) / years
    assert found["worth"] == pytest.approx(1e4 * (grown - tracked), rel=1e-4)
    assert found["loss"] == pytest.approx(1e4 * (tracked + due / nav[-1] / years), rel=1e-4)
    assert found["cost"] == found["tax"] == 0.0


def test_training_windows_follow_one_another_up_to_the_test_and_open_with_new_money(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played: list[Setup] = []

    def figures(setup: Setup, rule: object) -> dict[str, float]:
        played.append(setup)
        return {"worth": float(len(played)), "loss": 1.0, "trades": 2.0}

    monkeypatch.setattr("backtests.studies.real_markets.after_tax.figures_after_tax", figures)
    one = case("stocks-2-2004")
    never = Never(one.setup.strategic)
    training, _ = training_setup(one.setup, [never], None, 1.0)
    table = in_windows(training, [never])
    assert [f"{s.start:%Y-%m-%d}" for s in played] == ["2001-01-01", "1998-01-01", "1995-01-01", "1992-01-01"]
    assert all(before.start > after.market.dates[-1] for before, after in pairwise(played))
    assert played[0].market.dates[-1] < one.start
    assert table["loss"].tolist() == [-2.5]  # of worths 1, 2, 3 and 4


def test_the_thresholds_are_the_best_of_those_tried_by_each_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """In 1995 there is one window of training days, from the last session of 1991 on."""
    monkeypatch.setattr(
        "backtests.studies.real_markets.after_tax.NoTradeRegion", lambda held, *_, **__: Never(held)
    )  # the rule that sees the lots is slow
    one, few = case("stocks-2-1995"), [Choices(threshold, band=(0.01, 0.05, 0.12), to=1.0, schedule="week")]
    rows, tuned = after_tax_rows(one, {}, few)
    assert [row["rule"] for row in rows] == 2 * [AS_COST, BY_WORTH, BY_LOSS]
    for end in TAX_ENDS:
        setup = taxed(one.setup, end, 1995)
        training, _ = training_setup(setup, every := list(every_candidate(few, setup)), None, 1.0)
        training = replace(training, start=pd.Timestamp(1991, 12, 31))
        tried = [figures_after_tax(training, rule) for rule in every]
        assert tuned[f"{BY_WORTH}, {end}"].card.loss == pytest.approx(-max(f["worth"] for f in tried))
        assert tuned[f"{BY_LOSS}, {end}"].card.loss == pytest.approx(min(f["loss"] for f in tried))


def test_gains_after_tax_by_hand() -> None:
    """Worth 1, 2 and 3 above the closed form's in three windows where all is sold, and nothing where it is forgiven."""
    rows = [
        {"case": f"funds-2-{w}", "window": w, "end": end, "rule": rule, "worth": value, "loss": -2.0 * value}
        for end in TAX_ENDS
        for k, w in enumerate((2013, 2016, 2019))
        for rule, value in {"closed form": 50.0, AS_COST: 50.0 + (k + 1) * (end == "liquidated")}.items()
    ]
    made = Study(pd.DataFrame(rows), {"cases": {"funds-2-2013": {"trials": 7}}})
    found, reach = after_tax(made).set_index(["end", "rule"]), stats.t.ppf(0.975, 2) / np.sqrt(3.0)
    sold = [float(found[name]["liquidated", AS_COST]) for name in ("gain", "lower", "upper")]
    assert sold == pytest.approx([2.0, 2.0 - reach, 2.0 + reach])
    assert found["gain"]["forgiven", AS_COST] == 0.0
    by_loss = after_tax(made, measure="loss").set_index(["end", "rule"])["gain"]
    assert by_loss["liquidated", AS_COST] == pytest.approx(4.0)
    assert sentences(made)[1].startswith(
        "liquidated, tax as cost less closed form: +2.0 [−0.5, 4.5] bp a year of worth"
    )


def test_it_is_a_study_of_its_own() -> None:
    with pytest.raises(ConfigError, match="after_tax of Budget is True: it is a study of its own"):
        Budget({}, after_tax=True)
    done = rebalance("research", "study", "--kind", "rules,after-tax")
    assert (done.status, "Invalid value for '--kind'" in done.err) == (2, True)


# -- the record ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept() -> Study:
    """The record that comes with the workbench."""
    return Study.load(KEPT_AFTER_TAX)


def test_the_record_says_what_it_was_made_from(kept: Study) -> None:
    assert re.fullmatch(r"[0-9a-f]{12}", kept.manifest["made_from"]["code"])  # a commit, and nothing on top of it
    assert set(kept.manifest["cases"]) == set(kept.table["case"]) == {one.name for one in taxed_cases()}
    assert set(kept.table["rule"]) == {*WITHOUT_TAX, AS_COST, BY_WORTH, BY_LOSS}
    assert kept.table.groupby(["end", "rule"]).size().tolist() == [40] * 20
    assert kept.trials == 40 * 110 * 4


@pytest.mark.parametrize(("name", "end"), [("stocks-2-1998", "forgiven"), ("funds-2-2016", "liquidated")])
def test_rows_of_the_record_computed_again(kept: Study, name: str, end: str) -> None:
    one = case(name)
    setup, choices = taxed(one.setup, end, one.window), kept.manifest["cases"][name]["chosen"]["1"]
    rules = {rule: made for rule, made in untuned(setup.strategic, one.setup).items() if rule in WITHOUT_TAX}
    for by in (BY_WORTH, BY_LOSS):
        settings, every = choices[f"{by}, {end}"], every_candidate(TAXED_FAMILIES, setup)
        rules[by] = next(r for r in every if _settings(r, (*TRIED, "tracking_penalty")) == settings)
    own = kept.table[(kept.table["case"] == name) & (kept.table["end"] == end)].set_index("rule")
    for rule, made in rules.items():
        found = figures_after_tax(setup, made)
        for figure in ("worth", "loss", "tax", "tax_at_end", "tracking_error"):
            assert found[figure] == pytest.approx(own.loc[rule, figure], rel=1e-9, abs=1e-9), (rule, figure)


def test_the_guide_states_the_gains_of_the_record(kept: Study) -> None:
    page = (ROOT / "docs" / "taxes.md").read_text(encoding="utf-8")
    named = {"universal": "universal policy", AS_COST: "**with a `deferral`**"} | dict(
        month="monthly", quarter="quarterly", year="yearly"
    )
    tables = [after_tax(kept, measure=name).set_index(["rule", "end"]) for name in ("worth", "loss")]
    for rule in set(kept.table["rule"]) - {"closed form"}:
        row = next(line for line in page.splitlines() if line.startswith(f"| {named.get(rule, rule)} |"))
        stated = [float(x.replace("−", "-")) for x in re.findall(r"[+−]?\d+", row)]
        gains = [table.loc[(rule, end)] for table in tables for end in TAX_ENDS]
        assert stated == [round(gain[end]) for gain in gains for end in ("gain", "lower", "upper")]
        assert [word in row for word in ("better", "worse")] == [
            any(gain["verdict"] == word for gain in gains) for word in ("better", "worse")
        ]
