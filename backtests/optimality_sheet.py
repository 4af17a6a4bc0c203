"""The laboratory's sheet, and the run that holds it: every rule beside the optimum, on one page without any URL."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.blocks import figures_table
from backtests.figures.optimum import cost_against_tracking, laws_of_cost, region_of_two
from backtests.figures.picture import Picture
from backtests.laboratory import play
from backtests.notebook import plain
from backtests.optimality import OPTIMUM, Bench, Laws, elsewhere, frontier, gaps, laws, trades_of, tuned
from backtests.report import Made, sign
from backtests.run import REPORTS, Run, staged, write_json
from backtests.tables import Row, listed
from research.rules import Rule

COLUMNS = (
    Row("J", "J", "bp/year", digits=3),
    Row("cost", "Cost", "bp/year"),
    Row("tracking", "Tracking", "bp/year"),
    Row("turnover", "Turnover", "%/year", 100.0, 1),
    Row("events", "Events", "/year", digits=1),
    Row("gap", "Gap", "bp/year", digits=3),
    Row("gap_lower", "from", "95 %", digits=3),
    Row("gap_upper", "to", "95 %", digits=3),
    Row("percent", "Gap", "% of J*", digits=1),
)
SENSIBLE = ("best point", "no-trade region", "cost and benefit", "5 % to target", "4 weeks", "13 weeks")


@dataclass(frozen=True, eq=False)
class Study:
    """Everything that the laboratory is asked, on one bench. workers : threads."""

    bench: Bench
    workers: int = 1

    @cached_property
    def chosen(self) -> tuple[dict[str, Rule], int]:
        """The tuned rules, and how many were tried."""
        return tuned(self.bench, self.workers)

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a rule, the lowest J first, as `gaps` has it."""
        found = gaps(self.bench, self.bench.rules() | self.chosen[0], self.workers)
        return found.sort_values("J", kind="stable")

    @cached_property
    def families(self) -> dict[str, pd.DataFrame]:
        """Cost and tracking of each band family over its bands."""
        found = {}
        for name, rules in self.bench.families().items():
            if name.startswith("band"):
                played = [play(self.bench.laboratory, rule, self.workers) for rule in rules]
                rows = [{"cost": one.cost.mean(), "tracking": one.tracking.mean()} for one in played]
                found[name] = pd.DataFrame(rows)
        return found

    @cached_property
    def laws(self) -> Laws:
        """Width and loss over cost."""
        return laws()

    @cached_property
    def elsewhere(self) -> pd.DataFrame:
        """Gaps in other markets."""
        return elsewhere(max(self.bench.paths // 3, 20), self.workers)

    @cached_property
    def pictures(self) -> dict[str, Picture]:
        """cost_against_tracking, region and laws, by name."""
        rows = frontier(self.bench, workers=self.workers)
        shown = (
            cost_against_tracking(self.table, self.families, rows, OPTIMUM),
            region_of_two(self.bench.region(), trades_of(self.bench)),
            laws_of_cost(*self.laws),
        )
        return {one.name: one for one in shown}

    @property
    def lead(self) -> str:
        """What was found, in a sentence."""
        rules = self.table.drop(OPTIMUM)
        best, least = str(rules.index[0]), self.table.loc[OPTIMUM]
        value = 1e4 * self.bench.region().value
        weekly = float(rules["percent"]["weekly"])
        return (
            f"The best that is possible is {least['J']:.2f} bp a year ({value:.2f} by dynamic programming); {best} "
            f"comes within {rules['percent'].iloc[0]:.0f} % of it, and a weekly review is {weekly:.0f} % dearer."
        )

    @property
    def words(self) -> str:
        """Which rules can be told from the optimum, and how many were tried."""
        rules = self.table.drop(OPTIMUM)
        same = [str(name) for name in rules.index[~rules["apart"]]]
        told = f"Not told apart from it: {listed(same)}." if same else "All of them can be told apart from it."
        return f"{told} {self.chosen[1]} settings were tried on other worlds to tune four of the rules."

    @property
    def honest(self) -> str:
        """Where the choice of a rule is worth little, and where it is worth much."""
        sensible = self.elsewhere[[name for name in SENSIBLE if name in self.elsewhere]]
        near, far = sensible.iloc[0].max(), sensible.iloc[-2:].to_numpy().max()
        return (
            f"With liquid ETFs, at 1 bp a side, all sensible rules lie within {near:.1f} bp a year of the optimum. "
            f"Where trading is dear or lines are wild they lie up to {far:.0f} bp away: there the rule is worth a "
            f"thought. Sensible are {listed([str(name) for name in sensible])}."
        )

    def summary(self) -> str:
        """The table as text."""
        shown = self.table[["J", "cost", "tracking", "turnover", "gap", "gap_lower", "gap_upper", "percent"]]
        return f"{self.lead}\n{self.words}\n\n{shown.round(3).to_string()}\n\n{self.honest}"

    def html(self, run: dict[str, str] | None = None) -> str:
        """The whole page."""
        from backtests.tearsheet import render

        bench = self.bench
        risks, weights = (
            listed([f"{100 * x:.0f} %" for x in xs]) for xs in (np.sqrt(np.diag(bench.covariance)), bench.target)
        )
        facts = {
            "Market": f"two lines of {risks} a year beside cash, targets {weights}, {1e4 * bench.cost:g} bp a side, "
            f"g {bench.g:g}, weekly decisions",
            "Paths": f"{bench.paths:,} of {bench.years} years after {bench.warm_up} of warm-up, seed {bench.seed}",
            **(run or {}),
        }
        records: dict[str, Any] = {str(name): row for name, row in self.table.to_dict("index").items()}
        markets: dict[str, Any] = {str(name): row for name, row in self.elsewhere.T.to_dict("index").items()}
        columns = [Row(str(name), str(name), "bp/year") for name in self.elsewhere.index]
        return render(
            "laboratory.html.j2",
            facts=[{"name": name, "words": words} for name, words in facts.items()],
            lead=self.lead,
            words=self.words,
            honest=self.honest,
            pictures=self.pictures,
            table=figures_table("Every rule, on the same paths", "rule", list(COLUMNS), records, chosen=OPTIMUM),
            elsewhere=figures_table("What each rule loses to the optimum", "rule", columns, markets),
        )


def make_laboratory(paths: int = 1000, seed: int = 1, workers: int = 2, reports: Path | None = None) -> Made:
    """Measure every rule against the optimum of the worked market, into a run of its own.

    Raises : ConfigError for a number out of range, before anything is played.
    """
    started, home = datetime.now(UTC), reports or REPORTS
    study = Study(Bench.worked(paths=paths, seed=seed), workers)
    bench = study.bench
    _ = bench.laboratory
    names = ("target", "mean", "covariance", "cost", "g", "paths", "years", "seed", "warm_up")
    settings = plain({name: getattr(bench, name) for name in names})
    run = Run("laboratory", "laboratory", f"seed{seed}", settings, bench.laboratory.market(0).fingerprint)
    final = home / run.name
    with staged(final) as folder:
        origin = {"Run": f"{run.name}; code {run.code}"}
        (folder / "laboratory.html").write_text(study.html(origin), encoding="utf-8")
        study.table.rename_axis("rule").reset_index().to_csv(folder / "gaps.csv", index=False)
        study.elsewhere.rename_axis("market").reset_index().to_csv(folder / "elsewhere.csv", index=False)
        (folder / "summary.txt").write_text(study.summary() + "\n", encoding="utf-8")
        write_json(
            folder / "manifest.json", run.manifest(trials=study.chosen[1], **plain({"value": bench.region().value}))
        )
        sign(folder, started)
    return Made(final, f"{study.summary()}\n\n{final}")
