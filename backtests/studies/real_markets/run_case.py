"""One case: every rule is tuned or trained on the days before its window, then measured in it.

All rules look at most once a day, learners and what stands for them once a week. Three families of thresholds are
tuned, each on the grid that stands here; calendars are tuned alike, which gives the better of them on training days.
What a rule was chosen by is beside what it was worth. One learner chooses how much to hold at all, for the Sharpe
ratio: beside it stand a constant exposure and a volatility target that held as much in the mean.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import pandas as pd

from backtests.comparison.fitting.tuning import Tuned, played, tune
from backtests.engine.run import backtest
from backtests.studies.audits.matched_exposure import matched_rules
from backtests.studies.real_markets.after_tax import after_tax_rows
from backtests.studies.real_markets.cases import NAMED_CASES, PERIODS, Case, all_cases
from backtests.sweeps import Choices, Setup, threshold
from foundation.arguments import is_whole, one_of, refuse
from foundation.dataclasses import dataclass, field, fields, replace
from foundation.paper.formats import plain_json
from research.accounting import Costs
from research.allocation import Allocation
from research.learning import Learned, PPOSettings, Reward, Universal, train, untrained
from research.market import Market
from research.risk.measures import TRACKING_PENALTY
from research.rules import BestPoint, Calendar, Never, NoTradeRegion, PairRegion, Rule, TrackingError

MULTIPLES = (0.2, 1.0, 5.0)  # of 10 bp a side
UPDATE = PPOSettings().worlds * PPOSettings().rollout  # decisions; a budget of PPO is a whole number of updates
EXPOSURE = "learned exposure"
LEARNER_SETTINGS: Mapping[str, Mapping[str, Any]] = {  # settings of `Learned` that are not its defaults
    "ppo": {"learner": "ppo"},
    "gradient": {"learner": "gradient"},
    "cross-entropy": {"learner": "cross_entropy"},
    "sac": {"learner": "sac"},
    "dqn": {"learner": "dqn", "action": "hold_or_trade"},
    EXPOSURE: {"learner": "ppo", "action": "exposure", "reward": Reward(objective=0.0, differential_sharpe=1.0)},
}
EVERYWHERE = ("gradient", "cross-entropy")  # trained in every case, and at all costs in the named ones
EXPOSED_CASES = ("stocks-10a", "funds-9")  # whose cases, of every window, are those of the study of exposure

TRIED_BANDS = (0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12)
TRACKING_ERRORS = (0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04)
CHECK_SCHEDULES = ("day", "week")
CALENDAR_SCHEDULES: tuple[Literal["month", "quarter", "year"], ...] = ("month", "quarter", "year")
FAMILY_CHOICES: Mapping[str, Choices] = {
    "band to target": Choices(threshold, band=TRIED_BANDS, to=0.0, schedule=CHECK_SCHEDULES),
    "band to edge": Choices(threshold, band=TRIED_BANDS, to=1.0, schedule=CHECK_SCHEDULES),
    "tracking error": Choices(TrackingError, limit=TRACKING_ERRORS, fraction=(0.5, 1.0), schedule=CHECK_SCHEDULES),
}
TAXED_FAMILIES = (  # of the after-tax edition: a tax makes wider ones better
    Choices(threshold, band=(*TRIED_BANDS, 0.16, 0.24), to=(0.0, 1.0), schedule=CHECK_SCHEDULES),
    Choices(TrackingError, limit=(*TRACKING_ERRORS, 0.06, 0.08), fraction=(0.5, 1.0), schedule=CHECK_SCHEDULES),
    Choices(  # the closed form, from one to seven times as wide
        NoTradeRegion,
        tracking_penalty=tuple(TRACKING_PENALTY / t**3 for t in (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0)),
        schedule=CHECK_SCHEDULES,
        periods_per_year=PERIODS,
    ),
)
GAP_HORIZONS = (0.05, 0.1, 0.25, 0.5)  # years for which a gap is taken to last
BETTER_CALENDAR, CLOSED_FORM, UNTRAINED = "better calendar", "closed form", "untrained baseline"
BEST_POINT, PAIRS, UNIVERSAL, WEEKLY = "best point", "pair region", "universal", "universal, weekly"
WITHOUT_TAX = ("never", *CALENDAR_SCHEDULES, CLOSED_FORM, UNIVERSAL, PAIRS)  # played in the after-tax edition too
TRIED = ("schedule", "band", "to", "limit", "fraction")  # settings that some grid has
LEARNER_STEPS = {  # of a seed; PPO's is its full budget, in the named cases
    "ppo": 92 * UPDATE,
    "gradient": 24 * UPDATE,
    "cross-entropy": 2_000_000,
    "sac": 40_000,
    "dqn": 100_000,
}
SEEDS = (1, 2, 3)
EXPOSURE_STEPS = {EXPOSURE: 32 * UPDATE}  # of the study of exposure
EXPOSURE_SEEDS = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Budget:
    """The training budgets, and whether rules take part.

    steps : number of steps of a seed, by learner; others do not learn.  seeds : seeds, each of which gives one policy.
    rules : True if the rules that do not learn, or are tuned, are run.
    after_tax : True for the after-tax edition, which has rules of its own.
    """

    steps: Mapping[str, int] = field(default_factory=lambda: dict(LEARNER_STEPS))
    seeds: tuple[int, ...] = SEEDS
    rules: bool = True
    after_tax: bool = False

    def __post_init__(self) -> None:
        """Check names and numbers. Raises ConfigError."""
        if not isinstance(self.steps, Mapping):
            refuse("steps of Budget are", self.steps, "give those of each learner, such as {'ppo': 524_288}.")
        for name, count in self.steps.items():
            one_of("a learner of Budget is", name, LEARNER_SETTINGS)
            if not is_whole(count) or count < 1:
                refuse(f"steps of {name} in Budget are", count, "give a whole number, 1 or more, or leave it out.")
        if not self.seeds:
            refuse("seeds of Budget are", self.seeds, "give one whole number or more.")
        if self.after_tax and (self.rules or self.steps):
            refuse(
                "after_tax of Budget is", self.after_tax, "it is a study of its own: give no steps, and rules=False."
            )
        if not (self.rules or self.steps or self.after_tax):
            refuse("steps of Budget are", self.steps, "without rules, give the steps of at least one learner.")

    def learners(self, case: Case, multiple: float) -> list[str]:
        """The learners of a case at this cost multiple: all in a named case, and `EVERYWHERE` at all costs."""
        usual, named = multiple == 1.0, case.name in NAMED_CASES
        where = {EXPOSURE: usual and case in exposure_cases()} | dict.fromkeys(EVERYWHERE, usual or named)
        return [by for by in self.steps if where.get(by, usual and named)]


def exposure_cases() -> tuple[Case, ...]:
    """The cases of the exposure study: one portfolio of many assets in each window."""
    return tuple(one for one in all_cases() if one.name.rpartition("-")[0] in EXPOSED_CASES)


def untuned(held: Allocation, setup: Setup) -> dict[str, Rule]:
    """Rules that are not tuned: never, calendars, and rules with regions of their own.

    The closed form is narrowed for daily checks. The universal policy, asked daily and weekly, computes its own bands.
    The pair region has its default power. These have last year's covariance. The untrained baseline is asked weekly, as
    learners are; it is not narrowed, and has the covariance of all training days.
    """
    own: dict[str, Any] = {"tracking_penalty": setup.tracking_penalty, "periods_per_year": setup.periods_per_year}
    calendars: dict[str, Rule] = {every: Calendar(held, every) for every in CALENDAR_SCHEDULES}
    boxes: dict[str, Rule] = {
        CLOSED_FORM: NoTradeRegion(held, **own),
        UNTRAINED: untrained(Learned(held, steps=1, schedule="week"), *_learned_from(setup), lag=setup.lag),
        UNIVERSAL: Universal(held, **own),
        WEEKLY: Universal(held, schedule="week", **own),
        PAIRS: PairRegion(held, **own),
    }
    return {"never": Never(held), **calendars, **boxes}


def run_case(case: Case, budget: Budget) -> dict[str, Any]:
    """The result of a case in plain JSON values: one row per rule, seed and cost under `rows`.

    A row has the rule, its seed (None where it has none), whether it `stands` for its rule (of seeds, the one with the
    median J on training worlds), the cost's multiple, its loss where it was chosen (of tuned rules on the training
    days, of learners in worlds made of them), and the metrics of a sweep out of sample.
    `trials` counts what was tried on training days, `seconds` what it took of a core.
    """
    setup, rows, seconds = case.setup, [], dict.fromkeys(("tuned", *budget.steps), 0.0)
    chosen: dict[str, dict[str, Any]] = {}
    trials = 0
    for multiple in MULTIPLES:
        here = replace(setup, costs=setup.times(multiple))
        if budget.rules:
            with _clocked(seconds, "tuned"):
                found, tuned = _rows_of_rules(here, multiple)
            rows += found
            chosen[f"{multiple:g}"] = {name: _settings(t.card.rule) for name, t in tuned.items()}
            trials += sum(t.card.trials for t in tuned.values())
        for by in budget.learners(case, multiple):
            with _clocked(seconds, by):
                rows += _rows_of_learner(here, by, budget, multiple)
            trials += len(budget.seeds)
    if budget.after_tax:
        with _clocked(seconds, "tuned"):
            plain = {name: rule for name, rule in untuned(setup.strategic, setup).items() if name in WITHOUT_TAX}
            found, tuned = after_tax_rows(case, plain, TAXED_FAMILIES)
        rows += [_row(row.pop("rule"), None, True, 1.0, row.pop("loss_training"), row) for row in found]
        chosen["1"] = {name: _settings(t.card.rule, (*TRIED, "tracking_penalty")) for name, t in tuned.items()}
        trials += sum(t.card.trials for t in tuned.values())
    market = setup.market
    test = market.dates[market.dates >= case.start]
    return plain_json(
        {
            "case": case.name,
            "weights": dict(case.weights),
            "training": [f"{market.dates[0]:%Y-%m-%d}", f"{market.dates[market.dates < case.start][-1]:%Y-%m-%d}"],
            "test": [f"{test[0]:%Y-%m-%d}", f"{test[-1]:%Y-%m-%d}"],
            "chosen": chosen,
            "trials": trials,
            "seconds": seconds,
            "rows": rows,
        }
    )


def _measured(setup: Setup, rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """The metrics of a sweep by name, for each rule."""
    return played(setup, rules).to_dict("records")  # type: ignore[return-value]  # of columns that are words


def spec(held: Allocation, name: str, budget: Budget) -> Learned:
    """The settings of a learner of `LEARNER_SETTINGS`."""
    return Learned(held, steps=budget.steps[name], seeds=budget.seeds, schedule="week", **LEARNER_SETTINGS[name])


def _rows_of_rules(setup: Setup, multiple: float) -> tuple[list[dict[str, Any]], dict[str, Tuned]]:
    """One row per rule without training; and the tuning of the tuned ones."""
    tuned = {name: tune(choices, setup) for name, choices in FAMILY_CHOICES.items()}
    tuned[BETTER_CALENDAR] = tune([Calendar(setup.strategic, every) for every in CALENDAR_SCHEDULES], setup)
    tuned[BEST_POINT] = tune(
        [
            BestPoint(
                setup.strategic, setup.tracking_penalty, horizon=years, schedule="day",
                periods_per_year=setup.periods_per_year,
            )
            for years in GAP_HORIZONS
        ],
        setup,
    )  # fmt: skip
    rules = untuned(setup.strategic, setup) | {name: t.policy for name, t in tuned.items()}
    rows = [
        _row(name, None, True, multiple, tuned[name].card.loss if name in tuned else None, figures)
        for name, figures in zip(rules, _measured(setup, list(rules.values())), strict=True)
    ]
    return rows, tuned


def _rows_of_learner(setup: Setup, name: str, budget: Budget, multiple: float) -> list[dict[str, Any]]:
    """One row per seed; for a learned exposure, also one row per benchmark of the same mean exposure."""
    training = train(
        spec(setup.strategic, name, budget), *_learned_from(setup), lag=setup.lag, workers=1, progress=_silent
    )
    found = _measured(setup, list(training.policies.values()))
    rows = [
        _row(name, seed, seed == training.chosen, multiple, training.losses[seed], figures)
        for seed, figures in zip(training.policies, found, strict=True)
    ]
    return rows + (_rows_of_exposure(setup, training.policies[training.chosen], multiple) if name == EXPOSURE else [])


def _learned_from(setup: Setup) -> tuple[Market, Costs, float, float]:
    """The days before the test, with the settings of J."""
    before = setup.market.until(setup.start - pd.Timedelta(days=1))
    return before, setup.costs, setup.tracking_penalty, setup.periods_per_year


def _rows_of_exposure(setup: Setup, learned: Rule, multiple: float) -> list[dict[str, Any]]:
    """One row per benchmark with the mean exposure of `learned`; none if it is never, or always, in cash."""
    played = backtest(
        setup.market, learned, setup.costs, start=setup.start, lag=setup.lag, periods_per_year=setup.periods_per_year
    )
    rules = matched_rules(played, setup.strategic)
    figures = _measured(setup, list(rules.values())) if rules else []
    return [_row(name, None, True, multiple, None, own) for name, own in zip(rules, figures, strict=True)]


def _row(
    rule: str,
    seed: int | None,
    stands: bool,
    multiple: float,
    loss_training: float | None,
    figures: Mapping[str, float],
) -> dict[str, Any]:
    about = {"rule": rule, "seed": seed, "stands": stands, "cost_multiple": multiple, "loss_training": loss_training}
    return about | dict(figures)


def _settings(rule: Any, tried: Sequence[str] = TRIED) -> dict[str, Any]:
    """The chosen settings of a rule."""
    own = {f.name for f in fields(rule)}
    return {name: getattr(rule, name) for name in tried if name in own}


def _silent(done: int, total: int) -> None:
    """Ignores the progress of a training; the study reports finished cases."""


@contextmanager
def _clocked(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Add the processor seconds of the block."""
    began = time.process_time()
    yield
    seconds[name] += time.process_time() - began
