"""What rules are worth on real markets: J over a yardstick's in each case, seeds as dots; and gap against cost."""

import numpy as np
import pandas as pd

from backtests.figures.layout import spread
from backtests.figures.log_axis import Logs, level, upright
from backtests.figures.picture import Format, Picture, heading, picture
from backtests.figures.styles import LABEL_GAP
from backtests.figures.svg import HUES, Canvas
from backtests.real_markets.cases import COST, NAMED
from backtests.real_markets.findings import TUNED, clustered_mean, standing
from backtests.real_markets.run_case import BETTER_CALENDAR, CALENDARS, LEARNERS, MULTIPLES
from backtests.real_markets.study import Study
from backtests.wording import counted, number
from research.arguments import one_of
from research.errors import DataError

TITLE, HIGH, FOOT = 52.0, 300.0, 40.0  # px
COLOURS = {"stocks": "sky", "funds": "orange"}
SEED, STANDS = 3.2, 7.0  # size of marks


def ratio_picture(study: Study, rule: str, over: str = TUNED) -> Picture:
    """J of a rule over that of a yardstick, a column a case, the lowest first; a dot a seed, the one that stands heavy.

    Raises : ConfigError for a name that is no rule; DataError, as `clustered_mean` does, for cases of one window alone.
    """
    rows = standing(study)
    for name, given in (("rule", rule), ("over", over)):
        one_of(f"{name} is", given, sorted(set(rows["rule"])))
    other = rows[rows["rule"] == over].set_index("case")["J"]
    own = study.table[(study.table["cost_multiple"] == 1.0) & (study.table["rule"] == rule)]
    own = rows[rows["rule"] == rule] if own.empty else own  # what is made of several rules has no rows of its own
    data = own[["case", "universe", "window", "seed", "stands", "J"]].assign(
        ratio=own["J"].to_numpy() / other.reindex(own["case"]).to_numpy()
    )
    stands = data[data["stands"]].sort_values("ratio", ignore_index=True)
    mean = clustered_mean(np.log(stands["ratio"]), stands["window"])
    middle, low, high = (float(np.exp(value)) for value in (mean.value, mean.lower, mean.upper))
    below = int((stands["ratio"] < 1.0).sum())
    seeds = data["seed"].nunique()
    caption = (
        f"Each column is a case, its mark J of {rule} over J of {over}: below 1 in {below} of {len(stands)}. "
        f"The band is the geometric mean over all of them, {number(middle)}, with its 95 % interval, {number(low)} to "
        f"{number(high)}, in which only the {counted(mean.windows, 'window')} are independent."
    )
    caption += f" Small dots are the {seeds} seeds; the heavy one stands for them." if seeds > 1 else ""
    alt = "; ".join(f"{r['case']} {number(r['ratio'])}" for r in stands.to_dict("records"))
    name = f"{rule} over {over}".replace(" ", "-")
    return picture(
        name, f"{rule} over {over}", caption, alt, data,
        lambda f: _draw_ratios(f, name, data, stands, (middle, low, high)),
    )  # fmt: skip


def _draw_ratios(
    f: Format, name: str, data: pd.DataFrame, stands: pd.DataFrame, mean: tuple[float, float, float]
) -> Canvas:
    canvas = Canvas(f.width, TITLE + HIGH + FOOT, f"{name}-{f.css}")
    left, right, foot = f.left, f.width - 12.0, TITLE + HIGH
    shown = [*data["ratio"], *mean, 1.0]
    y = Logs(0.96 * min(shown), 1.04 * max(shown), foot, TITLE)
    heading(canvas, left, 14.0, "J over the yardstick's", "log scale")
    at = left + 4.0
    for universe, colour in COLOURS.items():
        canvas.point(at, 34.0, colour=colour, size=STANDS)
        canvas.text(at + 9.0, 34.0, universe)
        at += 80.0
    level(canvas, y, left, right)
    canvas.line([left, right], [y.at(1.0)] * 2, colour="ink", width=1.2, behind=True)
    middle, low, high = mean
    canvas.line([left, right], [y.at(middle)] * 2, colour="accent", width=1.4)
    for end in (low, high):
        canvas.line([left, right], [y.at(end)] * 2, colour="accent", width=0.9, dash=(0, (4.0, 3.0)))
    places = {case: left + (right - left) * (k + 0.5) / len(stands) for k, case in enumerate(stands["case"])}
    for universe, colour in COLOURS.items():
        seeds = data[(data["universe"] == universe) & ~data["stands"]]
        if len(seeds):
            x = seeds["case"].map(places).to_numpy(dtype=float)
            canvas.points(x, [y.at(value) for value in seeds["ratio"]], colour=colour, size=SEED)
    for r in stands.to_dict("records"):
        size = STANDS if f.is_wide else 0.6 * STANDS
        canvas.point(places[r["case"]], y.at(r["ratio"]), colour=COLOURS[r["universe"]], size=size)
    words = f"{counted(len(stands), 'case')}, the lowest ratio first"
    canvas.text((left + right) / 2.0, foot + 20.0, words, colour="soft", align="center")
    return canvas


# -- the frontier ------------------------------------------------------------------------------------------------------


def frontier_picture(study: Study) -> Picture:
    """What each rule pays against how far it strays, tuned or trained at 2, 10 and 50 bp a side.

    Paid is what its trades would cost at 10 bp a side, whatever they did cost: so a rule that is told that trading is
    cheap moves along its own line. Both are geometric means over the same cases for all rules (`frontier`).
    """
    data = frontier(study)
    cases = int(data["cases"].iloc[0])
    each = [
        f"{r['rule']}, told {COST * r['cost_multiple']:g} bp: {number(r['paid'], 1)} bp and {number(r['strays'])} %"
        for r in data.to_dict("records")
    ]
    caption = (
        f"Each line is a rule at 2, 10 and 50 bp a side, from right to left, in the mean of {counted(cases, 'case')}; "
        "lower and further left is better. A calendar is the same at any cost, so the three are one line."
    )
    return picture("frontier", "Gap against cost", caption, "; ".join(each), data, lambda f: _draw_frontier(f, data))


def frontier(study: Study) -> pd.DataFrame:
    """A row a rule and cost: `paid`, bp a year at 10 bp a side, and `strays`, tracking error in % a year.

    Learners are among them that learned in all named cases at all costs; all means are then over those cases. Cases in
    which a rule never traded are left out for all.
    """
    if missing := set(MULTIPLES) - set(study.table["cost_multiple"]):
        raise DataError(f"a frontier is of all costs, and the study was not played at {sorted(missing)} times them.")
    rows = pd.concat([standing(study, multiple) for multiple in MULTIPLES], ignore_index=True)
    rows = rows[~rows["rule"].isin((BETTER_CALENDAR, TUNED, "never")) & ~rows["rule"].str.startswith("best ")]
    idle = set(rows["case"][rows["cost"] == 0.0])  # some rule never traded there: a log scale has no place for that
    rows = rows[~rows["case"].isin(idle)]
    learners = [rule for rule in rows["rule"].unique() if rule in LEARNERS]
    named = set(NAMED) - idle
    at = rows.groupby(["rule", "cost_multiple"])["case"].agg(set)
    whole = [rule for rule in learners if named and all(named <= at.get((rule, m), set()) for m in MULTIPLES)]
    rows = rows[~rows["rule"].isin(set(learners) - set(whole))]
    rows = rows[rows["case"].isin(named)] if whole else rows
    rows = rows.assign(paid=np.log(rows["cost"] / rows["cost_multiple"]), strays=np.log(100.0 * rows["tracking_error"]))
    by = rows.groupby(["rule", "cost_multiple"], sort=False)
    means = by[["paid", "strays"]].mean().apply(np.exp).reset_index()
    calendars = means["rule"].isin(CALENDARS)
    means = means[~calendars | (means["cost_multiple"] == 1.0)]
    means["rule"] = means["rule"].where(~means["rule"].isin(CALENDARS), "calendar: month, quarter, year")
    return means.assign(cases=rows["case"].nunique())


def _draw_frontier(f: Format, data: pd.DataFrame) -> Canvas:
    canvas = Canvas(f.width, 30.0 + HIGH + FOOT, "frontier-" + f.css)
    right = f.width - f.right
    top, foot = 30.0, 30.0 + HIGH
    x = Logs(0.8 * float(data["paid"].min()), 1.2 * float(data["paid"].max()), f.left, right)
    y = Logs(0.85 * float(data["strays"].min()), 1.15 * float(data["strays"].max()), foot, top)
    heading(canvas, f.left, 14.0, "Tracking error", "% a year, log scale")
    upright(canvas, x, top, foot)
    level(canvas, y, f.left, right)
    canvas.text(
        (f.left + right) / 2.0, foot + 30.0, f"paid, bp a year at {COST:g} bp a side, log scale", colour="soft",
        align="center",
    )  # fmt: skip
    rules = list(dict.fromkeys(data["rule"]))
    hues = dict(zip(rules, (*HUES, "ink", "soft"), strict=False))
    ends = {rule: data[data["rule"] == rule].sort_values("paid").iloc[-1] for rule in rules}
    places = spread([y.at(end["strays"]) for end in ends.values()], LABEL_GAP, top + 5.0, foot - 5.0)
    for (rule, end), place in zip(ends.items(), places, strict=True):
        own = data[data["rule"] == rule].sort_values("paid")
        across, up = ([scale.at(v) for v in own[c]] for scale, c in ((x, "paid"), (y, "strays")))
        canvas.line(across, up, colour=hues[rule], width=1.4)
        for a, b in zip(across, up, strict=True):
            canvas.point(a, b, colour=hues[rule], size=STANDS)
        height = y.at(end["strays"])
        canvas.line([across[-1], right + 3.0, right + 9.0], [height, height, place], colour=hues[rule], width=0.6)
        canvas.text(right + 14.0, place, rule if f.is_wide else rule.partition(":")[0])
    return canvas
