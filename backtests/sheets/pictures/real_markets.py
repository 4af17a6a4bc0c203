"""Pictures of the study of real markets: loss relative to a comparator's by case, and tracking error against cost."""

from itertools import cycle

import numpy as np
import pandas as pd

from backtests.studies.real_markets.cases import COST_BP, NAMED_CASES
from backtests.studies.real_markets.findings import CHOSEN, TUNED, clustered_mean, representative_rows
from backtests.studies.real_markets.run_case import BETTER_CALENDAR, CALENDAR_SCHEDULES, LEARNER_SETTINGS, MULTIPLES
from backtests.studies.real_markets.study import Study
from foundation.arguments import one_of
from foundation.errors import DataError
from foundation.paper.charts.curves import Curve, End, curves, end_labels
from foundation.paper.charts.panel import Axis, Panel, heading, one_panel
from foundation.paper.layout import AXIS, KEY_ROW, TITLE
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.svg import HUES, Canvas
from foundation.paper.wording import counted, number, told

HEIGHT = 300.0  # px: of a panel
UNIVERSE_COLOURS = {"stocks": "sky", "funds": "orange"}
SEED, STANDS = 3.2, 7.0  # size of marks


def ratio_picture(study: Study, rule: str, over: str = TUNED) -> Picture:
    """J of a rule over that of a comparator: a column a case, the lowest first; a dot a seed, the selected one heavy.

    Raises : ConfigError for a name that is no rule; DataError, as `clustered_mean` does, for cases of one window alone.
    """
    rows = representative_rows(study)
    for name, given in (("rule", rule), ("over", over)):
        one_of(f"{name} is", given, sorted(set(rows["rule"])))
    other = rows[rows["rule"] == over].set_index("case")["loss"]
    own = study.table[(study.table["cost_multiple"] == 1.0) & (study.table["rule"] == rule)]
    own = rows[rows["rule"] == rule] if own.empty else own  # what is made of several rules has no rows of its own
    data = own[["case", "universe", "window", "seed", "stands", "loss"]].assign(
        ratio=own["loss"].to_numpy() / other.reindex(own["case"]).to_numpy()
    )
    stands = data[data["stands"]].sort_values("ratio", ignore_index=True)
    mean = clustered_mean(np.log(stands["ratio"]), stands["window"])
    middle, low, high = (float(np.exp(value)) for value in (mean.value, mean.lower, mean.upper))
    below = int((stands["ratio"] < 1.0).sum())
    seeds = data["seed"].nunique()
    caption = (
        f"Each column is a case; marker: loss J of {rule} over that of {over}, below 1 in {below} of {len(stands)}. "
        f"Lines: the geometric mean over all cases, {number(middle)}, with its 95 % interval, {number(low)} to "
        f"{number(high)}; only the {counted(mean.windows, 'window')} are independent."
    )
    caption += f" Small dots: the {seeds} seeds; large: the selected seed." if seeds > 1 else ""
    name = f"{rule} over {over}".replace(" ", "-")

    def draw(f: Format) -> Canvas:
        canvas = f.canvas(TITLE + KEY_ROW + HEIGHT + AXIS)
        shown = [*data["ratio"], middle, low, high, 1.0]
        across, up = Axis(-0.5, len(stands) - 0.5), Axis(0.96 * min(shown), 1.04 * max(shown), "log")
        panel = Panel(canvas, f.left, TITLE + KEY_ROW, f.width - 12.0 - f.left, HEIGHT, across, up)
        heading(canvas, f.left, TITLE - 12.0, "Loss J relative to the comparator", "log scale")
        at = f.left + 4.0
        for universe, colour in UNIVERSE_COLOURS.items():
            canvas.point(at, TITLE + 4.0, colour=colour, size=STANDS)
            canvas.text(at + 9.0, TITLE + 4.0, universe)
            at += 80.0
        panel.y_grid(up.ticks())
        panel.y_line(1.0, "ink", 1.2, behind=True)
        panel.y_line(middle, "accent", 1.4)
        for end in (low, high):
            panel.y_line(end, "accent", 0.9, (0, (4.0, 3.0)))
        columns = {case: k for k, case in enumerate(stands["case"])}
        for universe, colour in UNIVERSE_COLOURS.items():
            seeds = data[(data["universe"] == universe) & ~data["stands"]]
            if len(seeds):
                x = panel.across(seeds["case"].map(columns).to_numpy(dtype=float))
                canvas.points(x, panel.up(seeds["ratio"]), colour=colour, size=SEED)
        for r in stands.to_dict("records"):
            size = STANDS if f.is_wide else 0.6 * STANDS
            at, height = panel.x_at(columns[r["case"]]), panel.y_at(r["ratio"])
            canvas.point(at, height, colour=UNIVERSE_COLOURS[r["universe"]], size=size)
        panel.x_title(f"{counted(len(stands), 'case')}, the lowest ratio first")
        return canvas

    return picture(name, f"{rule} over {over}", caption, told(stands, "{case} {ratio}"), data, draw)


# -- the frontier ------------------------------------------------------------------------------------------------------


def frontier_picture(study: Study) -> Picture:
    """The cost of each rule against its tracking error, tuned or trained at 2, 10 and 50 bp a side.

    Paid is what its trades would cost at 10 bp a side, whatever they did cost: so a rule that is told that trading is
    cheap moves along its own line. Both are geometric means over the same cases for all rules (`frontier_rows`).
    """
    data = frontier_rows(study)
    cases = int(data["cases"].iloc[0])
    tuned = data.assign(bp=COST_BP * data["cost_multiple"])
    alt = told(tuned, "{rule}, tuned at {bp:g} bp: {paid:1} bp and {strays} %")
    caption = (
        f"Each line is a rule at 2, 10 and 50 bp a side, from right to left, mean of {counted(cases, 'case')} "
        "(geometric); lower and further left is better. Calendars do not depend on cost: month, quarter and year are "
        "one line."
    )

    def draw(f: Format) -> Canvas:
        across, up = (
            Axis(low * float(data[c].min()), high * float(data[c].max()), "log")
            for c, low, high in (("paid", 0.8, 1.2), ("strays", 0.85, 1.15))
        )
        panel = one_panel(f, HEIGHT, across, up, below=AXIS)
        panel.title("Tracking error", "% a year (log scale)")
        panel.x_grid(across.ticks())
        panel.y_grid(up.ticks())
        panel.x_title(f"cost, bp a year at {COST_BP:g} bp a side (log scale)")
        ends, shown = [], []
        for (rule, rows), colour in zip(data.groupby("rule", sort=False), cycle((*HUES, "ink", "soft")), strict=False):
            own, style = rows.sort_values("paid"), LineStyle(colour, width=1.4)
            x, y = own["paid"].to_numpy(), own["strays"].to_numpy()
            shown.append(Curve(str(rule), x, y, style, points=STANDS))
            ends.append(End(str(rule).partition(":")[0], panel.y_at(y[-1]), style, x=panel.x_at(x[-1])))
        curves(panel, shown, named=False)
        end_labels(panel, ends)
        return panel.canvas

    return picture("frontier", "Tracking error against cost", caption, alt, data, draw)


def frontier_rows(study: Study) -> pd.DataFrame:
    """A row a rule and cost: `paid`, bp a year at 10 bp a side, and `strays`, tracking error in % a year.

    study  : played at all costs.
    Raises : DataError for a study that was not.

    Learners are among them that learned in all named cases at all costs; all means are then over those cases. Cases in
    which a rule never traded are left out for all.
    """
    if missing := set(MULTIPLES) - set(study.table["cost_multiple"]):
        raise DataError(f"a frontier is of all costs, and the study was not played at {sorted(missing)} times them.")
    rows = pd.concat([representative_rows(study, multiple) for multiple in MULTIPLES], ignore_index=True)
    rows = rows[~rows["rule"].isin((BETTER_CALENDAR, TUNED, CHOSEN, "never")) & ~rows["rule"].str.startswith("best ")]
    idle = set(rows["case"][rows["cost"] == 0.0])  # some rule never traded there: a log scale has no place for that
    rows = rows[~rows["case"].isin(idle)]
    learners = [rule for rule in rows["rule"].unique() if rule in LEARNER_SETTINGS]
    named = set(NAMED_CASES) - idle
    at = rows.groupby(["rule", "cost_multiple"])["case"].agg(set)
    whole = [rule for rule in learners if named and all(named <= at.get((rule, m), set()) for m in MULTIPLES)]
    rows = rows[~rows["rule"].isin(set(learners) - set(whole))]
    rows = rows[rows["case"].isin(named)] if whole else rows
    rows = rows.assign(paid=np.log(rows["cost"] / rows["cost_multiple"]), strays=np.log(100.0 * rows["tracking_error"]))
    by = rows.groupby(["rule", "cost_multiple"], sort=False)
    means = by[["paid", "strays"]].mean().apply(np.exp).reset_index()
    calendars = means["rule"].isin(CALENDAR_SCHEDULES)
    means = means[~calendars | (means["cost_multiple"] == 1.0)]
    means["rule"] = means["rule"].where(~means["rule"].isin(CALENDAR_SCHEDULES), "calendar: month, quarter, year")
    return means.assign(cases=rows["case"].nunique())
