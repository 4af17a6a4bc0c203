"""The results of the study: every rule relative to a comparator over all cases, with intervals clustered by window.

Cases of one window share their market and are not independent. A mean over cases therefore has the interval of Liang
and Zeger, in which only windows are independent, with Student's t and one degree of freedom less than the number of
windows. Ratios of J are averaged in logs. Every p is Holm-adjusted for all rules compared with the same comparator by
the same metric.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from backtests.evaluation.metrics import METRICS
from backtests.inference.estimates import INTERVAL_LEVEL, Estimate, EstimateWithTest
from backtests.inference.evidence import holm, verdict
from backtests.studies.audits.matched_exposure import CONSTANT, VOLATILITY
from backtests.studies.real_markets.run_case import (
    BEST_POINT,
    BETTER_CALENDAR,
    CALENDAR_SCHEDULES,
    CLOSED_FORM,
    EXPOSURE,
    FAMILY_CHOICES,
    LEARNER_SETTINGS,
    PAIRS,
    UNIVERSAL,
    UNTRAINED,
    WEEKLY,
)
from backtests.studies.real_markets.study import Study
from foundation.arguments import one_of, refuse
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.paper.wording import counted, listed, number, percent

TUNED, HINDSIGHT = "tuned thresholds", "best calendar in hindsight"
CHOSEN, BEST_FAMILY = "thresholds chosen in training", "best thresholds in hindsight"
COMPARATORS = (CHOSEN, BETTER_CALENDAR, TUNED, BEST_FAMILY, UNTRAINED)  # the first is what a user would pick
REPORTED = (
    *(name for name in LEARNER_SETTINGS if name != EXPOSURE),
    UNIVERSAL,
    WEEKLY,
    PAIRS,
    UNTRAINED,
    CLOSED_FORM,
    BEST_POINT,
    "band to edge",
)
AS_EXPOSED = (EXPOSURE, CONSTANT, VOLATILITY)  # they move to cash, so J against the full target does not measure them
# metrics shown in addition to J
OTHER_MEASURES = ("trades", "trading_days", "turnover", "tracking_error", "sharpe", "max_drawdown")


@dataclass(frozen=True, kw_only=True)
class ClusteredMean(EstimateWithTest):
    """A mean over cases in several windows, where only the windows are independent."""

    cases: int
    windows: int


def clustered_mean(values: ArrayLike, clusters: ArrayLike) -> ClusteredMean:
    """The mean of `values` (N,), where only those of different `clusters` (N,) are independent.

    Its variance is G / (G - 1) x the sum over G clusters of (the sum of a cluster's residuals)^2 / N^2; the interval is
    Student's, with G - 1 degrees of freedom. With one value per cluster it is the usual interval of a mean.
    Source : Liang and Zeger (1986), Longitudinal Data Analysis Using Generalized Linear Models; the degrees of freedom
    are those of Cameron and Miller (2015), A Practitioner's Guide to Cluster-Robust Inference, section VI.
    Raises : DataError for fewer than two clusters, and for values that are not finite.

    >>> found = clustered_mean([1.0, 3.0], [2013, 2016])
    >>> found.value, round(found.lower, 3), round(found.upper, 3), round(found.p, 3)
    (2.0, -10.706, 14.706, 0.295)
    """
    from scipy.special import stdtr, stdtrit  # slow to import

    x, names = np.asarray(values, dtype=float), np.asarray(clusters)
    groups, place = np.unique(names, return_inverse=True)
    if len(groups) < 2:
        raise DataError(f"an interval needs cases of at least two windows: found {groups.tolist()}. Run more cases.")
    if not np.isfinite(x).all():
        raise DataError(f"value {int(np.argmin(np.isfinite(x)))} of a mean is not a finite number. Leave its case out.")
    residuals = np.bincount(place, x - x.mean())
    degrees = len(groups) - 1
    error = float(np.sqrt(len(groups) / degrees * (residuals**2).sum())) / len(x)
    mean, reach = float(x.mean()), float(stdtrit(degrees, 0.5 + INTERVAL_LEVEL / 2.0)) * error
    p = float(2.0 * stdtr(degrees, -abs(mean) / error)) if error > 0.0 else float(mean == 0.0)
    return ClusteredMean(
        mean, mean - reach, mean + reach, INTERVAL_LEVEL, error, p=p, cases=len(x), windows=len(groups)
    )


# -- the comparators -------------------------------------------------------------------------------------------------


def representative_rows(study: Study, multiple: float = 1.0) -> pd.DataFrame:
    """One row per case and rule at one cost: the selected one of several seeds, and comparators made of several rules.

    Rules that move to cash are left out: `exposure_rows` has them. Of the three families of thresholds, each tuned on
    the training days, "chosen in training" is the one with the lowest J there, which a user would pick; "tuned
    thresholds" the one with the median J out of sample; "best in hindsight" the one with the lowest, which nobody could
    have known, like the best calendar in hindsight.
    """
    table = _at(study, multiple)
    own = table[table["stands"] & ~table["rule"].isin(AS_EXPOSED)]
    families, calendars = (own[own["rule"].isin(names)] for names in (list(FAMILY_CHOICES), CALENDAR_SCHEDULES))
    made = {
        TUNED: _in_rank(families, "loss", len(FAMILY_CHOICES) // 2),
        CHOSEN: _in_rank(families, "loss_training", 0),
        BEST_FAMILY: _in_rank(families, "loss", 0),
        HINDSIGHT: _in_rank(calendars, "loss", 0),
    }
    return pd.concat([own, *(rows.assign(rule=name) for name, rows in made.items())], ignore_index=True)


def _in_rank(rows: pd.DataFrame, by: str, rank: int) -> pd.DataFrame:
    """The row of each case with this rank, from 0, by a column."""
    ranked = rows.sort_values(["case", by])
    return ranked[ranked.groupby("case", sort=False).cumcount() == rank]


def _at(study: Study, multiple: float) -> pd.DataFrame:
    """All rows at one cost. Raises ConfigError for a cost without results."""
    table = study.table
    if multiple not in (played := sorted(set(table["cost_multiple"]))):
        refuse(
            "multiple is", multiple, f"the study has results at {listed([f'{m:g}' for m in played])} times the costs."
        )
    return table[table["cost_multiple"] == multiple]


def exposure_rows(study: Study) -> pd.DataFrame:
    """One row per case and rule that moves to cash: the learned exposure, and benchmarks of the same mean exposure."""
    table = study.table
    return table[(table["cost_multiple"] == 1.0) & table["stands"] & table["rule"].isin(AS_EXPOSED)]


def paired(rows: pd.DataFrame, over: str, measure: str) -> dict[str, pd.DataFrame]:
    """The cases of each rule that have it and the comparator `over`: a table with columns own, other, window.

    rows : rows as `representative_rows` gives them.
    Raises : DataError where there are none, ConfigError for what is no rule, or no figure, of theirs.
    """
    if rows.empty:
        raise DataError("all rules of the study move to cash, which J does not measure: call `exposure`.")
    one_of("over is", over, sorted(set(rows["rule"])))
    one_of("measure is", measure, ["loss", *OTHER_MEASURES, *(["worth"] if "worth" in rows else [])])
    other = rows[rows["rule"] == over].set_index("case")[measure]
    both = rows.assign(own=rows[measure], other=rows["case"].map(other)).set_index("case")
    return {
        str(rule): own.loc[own.index.isin(other.index), ["own", "other", "window"]]
        for rule, own in both[both["rule"] != over].groupby("rule", sort=False)
    }


def ratios(study: Study, over: str, multiple: float = 1.0) -> pd.DataFrame:
    """A row for each rule: J over that of `over`, geometric mean over cases, with interval, p, Holm's p and verdict.

    lower_in : number of cases in which its J is lower.  seed_spread : standard deviation of log J over the seeds of a
    case, in the mean of the cases; NaN for rules without seeds.
    """
    return _ratios(representative_rows(study, multiple), over, seed_spreads(study, multiple))


def _ratios(rows: pd.DataFrame, over: str, spreads: pd.Series) -> pd.DataFrame:
    logs = _compared(rows, over, "loss", lambda own, other: np.log(own / other))
    table = logs.assign(
        ratio=np.exp(logs["estimate"]),
        lower=np.exp(logs["lower"]),
        upper=np.exp(logs["upper"]),
        seed_spread=spreads.reindex(logs.index),
    )
    return _judged(table.drop(columns="estimate"), lower_is_better=True, favour="ratio", neutral=1.0)


def differences(study: Study, over: str, measure: str, multiple: float = 1.0) -> pd.DataFrame:
    """A row for each rule: its turnover, trades, tracking error, Sharpe ratio or drawdown less that of `over`.

    study    : the study of real markets.
    over     : name of a rule.
    measure  : one of `OTHER_MEASURES`, in whose unit the numbers are.
    multiple : multiple of the costs.
    Raises   : ConfigError for another measure.
    """
    one_of("measure is", measure, OTHER_MEASURES)
    table = _less(representative_rows(study, multiple), over, measure)
    return _judged(table, lower_is_better=METRICS[measure].lower_is_better, favour="difference", neutral=0.0)


def exposure(study: Study) -> pd.DataFrame:
    """Sharpe ratio and drawdown of the learned exposure, minus those of each benchmark of the same mean exposure.

    study   : the study of real markets.
    Returns : a row for each benchmark and measure, in the unit of the measure. Holm's p and verdicts are adjusted for
              all four comparisons. Empty where it was not learned in cases of two windows.
    """
    rows = exposure_rows(study)
    if rows.empty:
        return pd.DataFrame()
    found = [
        _less(rows[rows["rule"].isin((EXPOSURE, over))], over, measure).assign(over=over, measure=measure)
        for over in (CONSTANT, VOLATILITY)
        for measure in ("sharpe", "max_drawdown")
    ]
    return _judged(pd.concat(found, ignore_index=True), lower_is_better=False, favour="difference", neutral=0.0)


def after_tax(study: Study, measure: str = "worth") -> pd.DataFrame:
    """A row for each end and rule of the after-tax edition: its gain over `CLOSED_FORM`, bp a year, mean over cases.

    study   : a study that was run after tax.
    measure : "worth", growth after all taxes less tracking, or "loss", J with the tax at the end.
    Returns : columns end, rule, gain with its interval, p, Holm's p over the rules of an end, verdict, and in how many
              cases the measure is lower.
    """
    sign, tables = 1.0 if measure == "worth" else -1.0, []
    for end, rows in study.table.groupby("end", sort=False):
        table = _compared(rows, CLOSED_FORM, measure, lambda own, other: sign * (own - other)).rename(
            columns={"estimate": "gain"}
        )
        judged = _judged(table, lower_is_better=False, favour="gain", neutral=0.0)
        tables.append(judged.rename_axis("rule").reset_index().assign(end=end))
    return pd.concat(tables, ignore_index=True)


def _less(rows: pd.DataFrame, over: str, measure: str) -> pd.DataFrame:
    """A row for each rule: the mean of its `measure` less that of `over`, in the measure's unit, not judged yet."""
    factor = METRICS[measure].factor
    table = _compared(rows, over, measure, lambda own, other: factor * (own - other))
    return table.rename(columns={"estimate": "difference"}).drop(columns="lower_in")


def _compared(
    rows: pd.DataFrame, over: str, measure: str, compare: Callable[[pd.Series, pd.Series], ArrayLike]
) -> pd.DataFrame:
    """A row for each rule in `rows`, as `representative_rows` gives them, that has cases of two windows with `over`.

    Columns: the mean's estimate, lower, upper and p; its cases and windows; and lower_in, the cases in which the rule
    has the lower measure.
    compare : function of the measure and that of `over`, a case each, that gives the numbers that are averaged.
    """
    found = {}
    for rule, pairs in paired(rows, over, measure).items():
        if _in_many(pairs["window"]):
            mean = clustered_mean(compare(pairs["own"], pairs["other"]), pairs["window"])
            lower_in = int((pairs["own"] < pairs["other"]).sum())
            found[rule] = (mean.value, mean.lower, mean.upper, mean.p, mean.cases, mean.windows, lower_in)
    columns = ["estimate", "lower", "upper", "p", "cases", "windows", "lower_in"]
    return pd.DataFrame.from_dict(found, orient="index", columns=columns)


def _check_windows(study: Study) -> None:
    """Raise DataError for cases of one window alone: they give no interval."""
    if not _in_many(study.table["window"]):
        found = ", ".join(sorted(set(study.table["case"])))
        raise DataError(
            f"an interval needs cases of at least two windows: found {found}. Run a case of another window."
        )


def _in_many(windows: pd.Series) -> bool:
    """True if there are at least two windows, as an interval needs."""
    return len(set(windows)) > 1


def _judged(table: pd.DataFrame, *, lower_is_better: bool, favour: str, neutral: float) -> pd.DataFrame:
    """Add Holm's p and the verdict."""
    if table.empty:
        return table
    adjusted, below = holm(table["p"]), table[favour] < neutral
    words = [
        verdict(p, is_better=good, level=INTERVAL_LEVEL)
        for p, good in zip(adjusted, below == lower_is_better, strict=True)
    ]
    return table.assign(p_holm=adjusted, verdict=words).astype({"cases": int, "windows": int})


def seed_spreads(study: Study, multiple: float = 1.0) -> pd.Series:
    """Standard deviation of log J over the seeds of a case, in the mean of all cases, for each rule that has seeds."""
    table = _at(study, multiple)
    own = table[table["seed"].notna()]
    return np.log(own["loss"]).groupby([own["rule"], own["case"]]).std(ddof=1).groupby("rule").mean()


def _against_comparators(study: Study, multiple: float = 1.0) -> dict[str, pd.DataFrame]:
    """The ratios over each comparator that the study has."""
    rows, spreads = representative_rows(study, multiple), seed_spreads(study, multiple)
    rules = set(rows["rule"])
    return {over: _ratios(rows, over, spreads) for over in COMPARATORS if over in rules}


def summary(study: Study, multiple: float = 1.0) -> pd.DataFrame:
    """One row per rule: J relative to each comparator, with intervals, and the spread of the seeds of a case.

    study    : the study of real markets.
    multiple : multiple of the costs.
    Raises   : DataError for a study without a comparator, or of too few windows.
    """
    _check_windows(study)
    tables = _against_comparators(study, multiple)
    if not tables:
        raise DataError(f"the study has no comparator: no results of {listed(COMPARATORS)}. Call `exposure` instead.")
    columns = {
        f"J relative to {over}": table.apply(lambda r: f"{_estimate(r, 'ratio').text()}, {r['verdict']}", axis=1)
        for over, table in tables.items()
        if len(table)
    }
    both = pd.concat(tables.values())
    once = both[~both.index.duplicated()]
    spread = once["seed_spread"].map(lambda value: percent(value) if np.isfinite(value) else "–")
    return pd.DataFrame({**columns, "cases": once["cases"], "spread of seeds": spread}).reindex(once.index).fillna("–")


def beside(study: Study, over: str = BETTER_CALENDAR, multiple: float = 1.0) -> pd.DataFrame:
    """One row per rule: differences of other metrics to `over`, with intervals; a star marks a significant one.

    study    : the study of real markets.
    over     : name of a rule.
    multiple : multiple of the costs.
    Raises   : DataError for a study of too few windows.
    """
    _check_windows(study)
    columns = {}
    for measure in OTHER_MEASURES:
        table, metric = differences(study, over, measure, multiple), METRICS[measure]
        counts = metric.unit == "a year"  # "orders a year" says what is counted
        heading = metric.counted_unit if counts else ", ".join(filter(None, [measure.replace("_", " "), metric.unit]))
        columns[heading] = table.apply(
            lambda r, digits=metric.digits: (
                f"{_estimate(r, 'difference').text(digits, signed=True)}{'*' * (r['verdict'] != 'not significant')}"
            ),
            axis=1,
        )
    return pd.DataFrame(columns)


# -- in words --------------------------------------------------------------------------------------------------------


def sentences(study: Study, over: str = "") -> list[str]:
    """The size of the study, and J of learned policies and rules relative to comparators, with verdicts.

    over : the comparator that is told of; "" tells of each.
    """
    table = study.table
    windows, cases = len(set(table["window"])), len(set(table["case"]))
    found = [
        f"{counted(cases, 'case')} in {counted(windows, 'window')}, {study.trials:,} settings and seeds tried on days "
        "before the tests."
    ]
    if "end" in table:
        return [*found, *(_after_tax_sentences(study) if windows > 1 else [])]
    if windows < 2:
        each = representative_rows(study).groupby("case", sort=False)
        by_case = [
            f"{name}: J {listed([f'{r} {number(j)}' for r, j in zip(rows['rule'], rows['loss'], strict=True)])}."
            for name, rows in each
        ]
        return [*found, *by_case, "One window gives no interval: run cases of other windows."]
    against = _against_comparators(study)
    for rule in [rule for rule in REPORTED if rule in set(table["rule"])]:
        compared = [
            _comparison_sentence(rule, other, rows.loc[rule])
            for other, rows in against.items()
            if rule in rows.index and over in ("", other)
        ]
        found += compared or [f"{rule}: too few windows for an interval."]
    return found + [_exposure_sentence(row) for row in exposure(study).to_dict("records")]


def _after_tax_sentences(study: Study) -> list[str]:
    """The gain of each rule over the closed form without tax, by worth and by J after tax, for both ends."""
    worth, loss = (after_tax(study, measure=name).to_dict("records") for name in ("worth", "loss"))
    return [
        f"{one['end']}, {one['rule']} less {CLOSED_FORM}: {_estimate(one, 'gain').text(1, signed=True)} bp a year of "
        f"worth, {_chance(one['p_holm'])}: {one['verdict']}; of J after tax "
        f"{_estimate(other, 'gain').text(1, signed=True)}, {_chance(other['p_holm'])}: {other['verdict']}."
        for one, other in zip(worth, loss, strict=True)
    ]


def _estimate(row: Mapping[Any, Any], name: str) -> Estimate:
    """The estimate of a row of `ratios` or `differences`, with its interval."""
    return Estimate(row[name], row["lower"], row["upper"], INTERVAL_LEVEL)


def _exposure_sentence(row: Mapping[Any, Any]) -> str:
    """One comparison of the learned exposure with a benchmark of the same mean exposure."""
    unit = METRICS[row["measure"]].unit
    what = {"sharpe": "Sharpe ratio", "max_drawdown": "drawdown (below zero is deeper)"}[row["measure"]]
    return (
        f"{EXPOSURE} minus {row['over']} of the same mean: {what} {number(row['difference'], signed=True)}"
        f"{unit and ' points'} (95 % interval {number(row['lower'])} to {number(row['upper'])}) in "
        f"{counted(row['cases'], 'case')} of {counted(row['windows'], 'window')}; {_chance(row['p_holm'])}: "
        f"{row['verdict']}."
    )


def _comparison_sentence(rule: str, over: str, row: Any) -> str:
    """One comparison in words."""
    ratio, low, high = (number(row[end]) for end in ("ratio", "lower", "upper"))
    of = f"{row['lower_in']:.0f} of {counted(row['cases'], 'case')} of {counted(row['windows'], 'window')}"
    return (
        f"{rule} relative to {over}: ratio of J {ratio} (95 % interval {low} to {high}), lower in {of}; "
        f"{_chance(row['p_holm'])}: {row['verdict']}."
    )


def _chance(p: float) -> str:
    return f"p {'below 0.001' if p < 0.001 else number(p, 3)} after Holm"


def study_text(study: Study) -> str:
    """The results, one sentence a line."""
    return "\n".join(sentences(study))
