"""The policies of a portfolio on the same days: played, paired, judged, and one of them recommended, or none."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, overload

import numpy as np
import pandas as pd

from backtests.attribution.exposures import HeldExposure, exposure_of
from backtests.comparison.above_best import AboveBest, above_best
from backtests.comparison.axes import TwoAxes, recommend_with_target, two_axes
from backtests.comparison.descriptions.attributions import Attributions, attributions
from backtests.comparison.descriptions.behaviour import Behaviour, behaviour_of
from backtests.comparison.descriptions.hindsight import hindsight_warning
from backtests.comparison.descriptions.replays import Replays
from backtests.comparison.descriptions.stability import Stability, stability
from backtests.comparison.descriptions.stress import StressTests, stress_tests
from backtests.comparison.fitting.candidates import (
    Fitted,
    PlayedCandidates,
    Progress,
    backtest_candidate,
    benchmark_of,
    check_trainable,
    fit,
    fitted_without,
    shortened,
    with_comparator,
)
from backtests.comparison.fitting.trials import played_trials, tunings_of
from backtests.comparison.paired import PairedBacktests, evidence_of, measured, pair, played_or_ended, played_together
from backtests.comparison.recommendation import Question, Recommendation
from backtests.comparison.selection import Selection, selection_of
from backtests.comparison.simulated_tests import SimulatedTests, simulated_tests
from backtests.comparison.verdict import Verdict, VerdictInputs, verdict_of
from backtests.engine.result import Backtest
from backtests.evaluation.policy_risk import PolicyRisk, policy_risk
from backtests.evaluation.scores import Score, score
from backtests.evaluation.worst_days import OnDay, worst_days
from backtests.inference.block_draws import BLOCK_SESSIONS, Resampling
from backtests.inference.estimates import NotAvailable
from backtests.inference.evidence import Evidence
from backtests.inference.words import tried_words
from backtests.runs.kept import kept
from backtests.runs.report_settings import FULL_RUN, settings_of_report
from backtests.runs.trial_book import Batch, count_trials
from backtests.today.from_today import FromToday, from_today_or_why_not, futures_for
from backtests.views import view
from foundation.arguments import refuse
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError
from foundation.paper.wording import counted, listed
from foundation.progress import bar
from research.accounting import Costs, Policy
from research.allocation import Allocation, TargetPath
from research.learning import Learned
from research.market import Market
from research.market.calendars import row_count, row_name, scheduled
from research.market.quality import market_warnings
from research.portfolio import Portfolio
from research.portfolio.late_listings import late_listings
from research.risk.decomposition.ex_ante import stopped_words
from research.risk.measures import TRACKING_PENALTY
from research.rules import Calendar, Rule
from research.rules.protocol import traits

TEST_DAYS = 2 * BLOCK_SESSIONS  # rows of a test: two blocks of the bootstrap of days
FEW_TRADES = 5  # days with a trade in the test: fewer are warned of
TRAINING_STEPS = 1_000_000_000  # of training: weeks of one core


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(PairedBacktests, PlayedCandidates):
    """Policies of one portfolio on the same market, days, costs and lag.

    recommendation : the recommended policy, and the alternatives.
    asked    : the question that the recommendation follows from, or None.
    tests    : simulated tests, or None.
    settings : those really used, plain JSON values.
    """

    recommendation: Recommendation
    asked: Question | None
    tests: SimulatedTests | None
    settings: Mapping[str, object]

    @property
    def recommended(self) -> Rule | None:
        """The recommended policy itself."""
        name = self.recommendation.policy
        return None if name is None else self.fitted[name].policy

    def seeds(self) -> pd.DataFrame:
        """A row for each learned policy and seed: J on training worlds, then its figures out of sample."""
        rows = []
        for name, by_seed in self.seed_scores.items():
            training = self.fitted[name].training
            assert training is not None
            for seed, one in by_seed.items():
                stands = {
                    "policy": name,
                    "seed": seed,
                    "loss_training": training.losses[seed],
                    "stands": seed == training.chosen,
                }
                rows.append(stands | one.figures(self.seed_backtests[name][seed].dates))
        return pd.DataFrame(rows)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """The warnings for a reader to judge: on the data in the test, policies that never traded, and the run."""
        asked = str(self.settings["reference"])
        found = [
            *self.first_warnings,
            *([f"Differences are to {self.reference}, since {asked} ended."] if asked in self.ended else []),
            *backtest_warnings(self.portfolio, self.fitted, self.backtests),
            *hindsight_warning(self.portfolio),
            *drawdown_warning(self.portfolio, self.scores),
            *stopped_words(self.portfolio.market, self.portfolio.weights),
        ]
        quick = {name: self.settings[name] for name, full in FULL_RUN.items() if self.settings[name] != full}
        if quick:
            found.append(f"Draft run with {', '.join(f'{k} = {v:,}' for k, v in quick.items())}: not a full run.")
        if self.portfolio.policy not in (None, self.recommendation.policy):
            followed = (
                "these trades follow the recommendation" if self.recommendation.policy else "no trades are listed"
            )
            found.append(f"The file's active policy is {self.portfolio.policy}; {followed}.")
        return (*found, *self.weak_test)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """The notes on the data in the test that a reader must know, and need not judge."""
        first, last = self.backtests[self.reference].dates[[0, -1]]
        return tuple(str(n) for n in self.portfolio.market.notes if not n.warning and n.falls_in(first, last))

    @cached_property
    def played_trials(self) -> Batch:
        """The candidates and seeds of the test as trials; what tunings tried before it is in `fitted`."""
        return played_trials(self)

    @cached_property
    def selection(self) -> Selection:
        """The effects of this comparison's own search on its figures: deflated Sharpe ratios, and overfitting."""
        return selection_of(self, self.played_trials, self.evidence_against_now)

    @property
    def evidence_against_now(self) -> Evidence:
        """The evidence, compared with what the desk does now."""
        return self.evidence.against(self.recommendation.base or self.reference)

    @cached_property
    def risk(self) -> dict[str, PolicyRisk]:
        """Possible losses of the recommended policy and then of the reference, with their dates."""
        names = dict.fromkeys((self.recommendation.policy or self.reference, self.reference))
        return {name: policy_risk(self.backtests[name], self.benchmark) for name in names}

    @cached_property
    def from_today(self) -> FromToday | NotAvailable:
        """Forecast of today's holdings under the recommended, the reference and the active policy, and untouched."""
        never = [name for name, f in self.fitted.items() if traits(f.policy).family == "never"][:1]
        names = dict.fromkeys((self.recommendation.policy, self.reference, self.portfolio.policy, *never))
        policies = {name: self.fitted[name].policy for name in names if name is not None and name in self.fitted}
        return kept(from_today_or_why_not, self.portfolio, policies, paths=futures_for(self.evidence.resampling.reps))

    @cached_property
    def exposure(self) -> HeldExposure:
        """The exposures and sources of risk of the recommended policy, or of the reference."""
        name = self.recommendation.policy or self.reference
        return exposure_of(name, self.backtests[name], self.benchmark.periods_per_year)

    @cached_property
    def worst_days(self) -> dict[pd.Timestamp, dict[str, OnDay]]:
        """The worst days of the reference, and what each policy did on them."""
        return worst_days(self.backtests, self.reference)

    @cached_property
    def attributions(self) -> Attributions:
        """The growth of the recommended policy over the reference by source, and the gain from rebalancing."""
        return attributions(
            self.backtests, self.benchmark, self.reference, self.recommendation.policy, self.portfolio.factors
        )

    @property
    def replays(self) -> Replays:
        """The candidates in the test, which can be played again."""
        policies = {name: one.policy for name, one in self.fitted.items()}
        return Replays(self.portfolio, self.benchmark, policies, self.backtests)

    @cached_property
    def behaviour(self) -> Behaviour:
        """The behaviour of the policies: limits, start and length of the holding, costs, round trips and wealth."""
        return kept(behaviour_of, self.replays, self.reference, self.recommendation.policy)

    @cached_property
    def look_ahead(self) -> str:
        """One line: the look-ahead audit of the recommended policy, or of the reference."""
        found: str = view(self, "look_ahead")
        return found

    @cached_property
    def verdict(self) -> Verdict:
        """The action, its gain and the probability of that, the alternatives, and the changes that alter the answer."""
        told, found = VerdictInputs(self, self.recommendation, self.evidence), self.stability
        return verdict_of(told) if found is None else verdict_of(told, found.brief, found.sentence)

    @cached_property
    def above_best(self) -> AboveBest | NotAvailable:
        """The largest excess of the policies over the best possible loss, or the reason why it is not stated."""
        return above_best(self.backtests, self.benchmark, self.tests)

    @cached_property
    def axes(self) -> TwoAxes | None:
        """The best rule on each target, and the best target under one rule; None where all policies hold one target."""
        return two_axes(self, self.evidence, self.recommendation.policy)

    @cached_property
    def stability(self) -> Stability | None:
        """The changes that would alter the recommendation; None where there is no choice."""
        return kept(stability, self.portfolio, self.recommendation, self.asked, self.replays.policies)

    @cached_property
    def stress(self) -> StressTests:
        """The results of the policies in episodes of stress, after shocks and at higher costs."""
        return kept(stress_tests, self.replays, self.recommendation.policy or self.reference)

    def digest(self) -> str:
        """One line that two equal comparisons share on any machine: size of the test, data, and the reference's J."""
        rows = row_count(len(self.backtests[self.reference].net_returns), self.benchmark.periods_per_year)
        return (
            f"{len(self.fitted)} policies, {rows}, data {self.portfolio.market.fingerprint[:8]}, J of "
            f"{self.reference} {self.scores[self.reference]['loss']:.2f} bp a year"
        )

    def answer(self) -> str:
        """The answer in words, with its evidence."""
        said = self.verdict.sentences()
        return " ".join([said[0], f"**{said[1]}**", *said[2:], tried_words(self.trials)])


@overload
def compare(
    compared: Portfolio,
    *,
    reference: str = "",
    only: Sequence[str] | None = None,
    rl_steps: int = 0,
    rl_seeds: int = 0,
    draws: int = 10_000,
    retrain: bool = False,
    progress: Progress | None = None,
) -> Comparison:
    """Play every candidate of a portfolio."""


@overload
def compare(
    compared: Sequence[Backtest] | Mapping[str, Backtest],
    *,
    reference: str = "",
    draws: int = 10_000,
    tracking_penalty: float = TRACKING_PENALTY,
) -> PairedBacktests:
    """Pair backtests that are there."""


@overload
def compare(
    compared: Sequence[Policy] | Mapping[str, Policy],
    market: Market,
    costs: Costs,
    *,
    start: str | pd.Timestamp | None = None,
    reference: str = "",
    draws: int = 10_000,
    tracking_penalty: float = TRACKING_PENALTY,
) -> PairedBacktests:
    """Backtest policies on a market, and pair them."""


def compare(
    compared: Any,
    market: Market | None = None,
    costs: Costs | None = None,
    *,
    start: str | pd.Timestamp | None = None,
    reference: str = "",
    only: Sequence[str] | None = None,
    rl_steps: int = 0,
    rl_seeds: int = 0,
    draws: int = 10_000,
    retrain: bool = False,
    tracking_penalty: float = TRACKING_PENALTY,
    progress: Progress | None = None,
) -> PairedBacktests:
    """Backtest every candidate of a portfolio from its first test day on, and judge them on the same days.

    Policies on a market, `compare([one, other], market, costs)`, and finished backtests, `compare([one, other])`, are
    measured by the target of the reference and compared in the same way; without a portfolio there are no limits, and
    nothing is recommended.

    compared  : a portfolio, whose candidates are compared; policies; or backtests of one market and test. Policies and
                backtests are given by name or as a list.
    market, costs : of policies, T days and n assets.
    start     : first day of the test of policies; by default the first on which all of them can decide.
    reference : the policy to which differences are taken; by default the file's, or the first backtest.
    only      : names of the candidates to compare (default: all).
    rl_steps  : training steps a seed of learned candidates; 0 takes the file's.
    rl_seeds  : number of seeds of learned candidates; 0 takes the file's.
    draws     : number of draws of the bootstrap.
    retrain   : True to train learned candidates anew, even if the same training is stored.
    tracking_penalty : price of squared tracking error in the loss J of backtests; a portfolio's stands in its file.
    progress  : callback that is told the step and its progress; without it a bar is shown.
    Raises    : ConfigError for an unknown name or a reference that is not among the candidates, and for backtests of
                different markets, days or periods a year.

    Tuned thresholds and learned policies are fitted on the days before the test only. Each candidate
    of a portfolio, with its seeds and the configurations of its tuning, is counted in the trial book
    (`backtests.runs.trial_book`).
    """
    fitting = {"only": only, "rl_steps": rl_steps or None, "rl_seeds": rl_seeds or None, "retrain": retrain or None}
    if (market is None) != (costs is None) or (start is not None and market is None):
        raise ConfigError("policies are compared on a market, with its costs: compare([one, other], market, costs).")
    if not isinstance(compared, Portfolio):
        if given := [name for name, value in (fitting | {"progress": progress}).items() if value is not None]:
            raise ConfigError(
                f"{listed(given)}: only a portfolio's candidates are fitted; backtests are compared as they are."
            )
        if market is None or costs is None:
            return pair(compared, reference, tracking_penalty, draws)
        backtests, note, ended = played_together(compared, market, costs, start)
        if reference in ended:
            raise ConfigError(f"the reference {reference} ended: {ended[reference]} Name another.")
        return replace(pair(backtests, reference, tracking_penalty, draws), note=note, ended=ended)
    if market is not None:
        raise ConfigError("a portfolio has a market and costs of its own: give them to policies only.")
    portfolio = compared
    if tracking_penalty != TRACKING_PENALTY:
        refuse(
            "tracking_penalty is", tracking_penalty, f"set tracking_penalty in {portfolio.file}: it is a portfolio's."
        )
    if isinstance(only, str):
        refuse("only is", only, "give a list of names.")
    names, reference = list(portfolio.policies) if only is None else list(only), reference or portfolio.reference
    check_settings(portfolio, names, reference, rl_steps, rl_seeds, draws)
    with bar(len(names), "comparing", shown=progress is None) as stages:
        tell = progress or stages.stage
        specs = {name: shortened(portfolio.policies[name], rl_steps, rl_seeds) for name in names}
        played = _played(portfolio, specs, retrain, tell)
        wanted, reference = reference, _reference(played, reference)
        tell("simulating tests", 0, 0)
        tests = simulated_tests(played.backtests, played.benchmark)
        tell("bootstrapping paired differences", 0, 0)
        evidence = evidence_of(played.backtests, played.scores, reference, draws, played.benchmark, tests)
        made, asked = recommend_with_target(played, evidence, tests)
    settings = settings_of_report(portfolio, wanted, rl_steps=rl_steps, rl_seeds=rl_seeds, draws=draws)
    found = Comparison(
        **vars(played),
        reference=reference,
        evidence=evidence,
        recommendation=made,
        asked=asked,
        tests=tests,
        settings=settings | {"candidates": names},
    )
    count_trials([found.played_trials, *tunings_of(found.fitted.values())])
    return found


def _reference(played: PlayedCandidates, asked: str) -> str:
    """The reference that was asked for; where it ended, what the desk does now, or the first policy that trades."""
    trading = [name for name, one in played.fitted.items() if traits(one.policy).family != "never"]
    choices = (asked, played.portfolio.policy, *trading, *played.fitted)
    return next(name for name in choices if name in played.backtests)  # type: ignore[return-value]


def _played(portfolio: Portfolio, specs: Mapping[str, Any], retrain: bool, tell: Progress) -> PlayedCandidates:
    """Fit and backtest candidates by name, and measure them."""
    benchmark = benchmark_of(portfolio, portfolio.market)
    fitted = {}
    for done, (name, spec) in enumerate(specs.items()):
        tell(f"fitting {name}", done, len(specs))
        fitted[name] = fit(name, portfolio, tell, spec, retrain)
    paths: dict[Allocation, TargetPath] = {portfolio.strategic: benchmark.strategic}

    def play(name: str, one: Fitted) -> tuple[Backtest, dict[int, Backtest]]:
        tell(f"backtesting {name}", list(specs).index(name), len(specs))
        seeds = one.seeds.items()
        return backtest_candidate(portfolio, one.policy, name, paths), {
            seed: backtest_candidate(portfolio, policy, f"{name}, seed {seed}", paths) for seed, policy in seeds
        }

    found, ended = played_or_ended(fitted, play)
    fitted, played = {name: fitted[name] for name in found}, {name: one for name, (one, _) in found.items()}
    by_seed = {name: seeds for name, (_, seeds) in found.items() if seeds}
    benchmark = with_comparator(portfolio, benchmark, played, paths, tell)
    scores = measured(played, benchmark)
    seed_scores = {name: {seed: score(b, benchmark) for seed, b in runs.items()} for name, runs in by_seed.items()}
    return PlayedCandidates(portfolio, benchmark, fitted, played, scores, by_seed, seed_scores, ended)


def drawdown_warning(portfolio: Portfolio, scores: Mapping[str, Score]) -> list[str]:
    """The policies whose drawdown in the test was deeper than the file's limit, which says nothing of eligibility."""
    limit = portfolio.limits.max_drawdown
    deeper = [name for name, s in scores.items() if limit is not None and -s["max_drawdown"] > limit]
    if limit is None or not deeper:
        return []
    return [
        f"In the test {listed(deeper)} had a drawdown beyond the {100 * limit:g} % of limits.max_drawdown. The limit "
        "does not decide who may be recommended: it is counted in “A year from today”."
    ]


def backtest_warnings(
    portfolio: Portfolio, fitted: Mapping[str, Fitted], backtests: Mapping[str, Backtest]
) -> list[str]:
    """Warnings for a reader to judge: on the data in a test, on the fits of its policies, and on their use there.

    fitted, backtests : by policy, one at least, all on the same days.
    """
    first, last = next(iter(backtests.values())).dates[[0, -1]]
    of_data = market_warnings(portfolio.market, first, last, portfolio.file)
    found = [*late_listings(portfolio), *of_data, *fitted_without(portfolio, fitted)]
    if (row := row_name(portfolio.periods_per_year)) != "day":
        found.append(f"Rows are {row}s: a day or session of lags, tests and worst days is a {row}.")
    for name, played in backtests.items():
        found.extend(_few_trades(name, played, traits(portfolio.policies[name]).family))
        found.extend(_passed_over(name, played))
        found.extend(_deferred_without_tax(name, played))
        found.extend(played.warnings)
    return list(dict.fromkeys(found))


def _few_trades(name: str, played: Backtest, family: str) -> list[str]:
    """A warning where a policy that should trade did so seldom."""
    days = len(played.trading_days)
    if family == "never" or days >= FEW_TRADES:
        return []
    if not days:
        return [f"{name} never traded in the test."]
    return [f"{name} traded on {counted(days, 'day')} of the test only: its figures rest on few trades."]


def _passed_over(name: str, played: Backtest) -> list[str]:
    """A warning where a calendar comes round again before its trade is booked, and is passed over."""
    if not isinstance(rule := played.policy, Calendar):
        return []
    market, waits = played.market, played.lag + played.execution.days - 1
    days = [scheduled(market.days[played.first :], rule.schedule, market.calendar, offset) for offset in rule.offsets]
    rows, can, last = np.flatnonzero(np.any(days, axis=0)), 0, -np.inf
    for row in rows.tolist():
        if row - last > waits:
            can, last = can + 1, row
    if can == len(rows):
        return []
    year = played.periods_per_year
    return [
        f"{name} can trade on {can:,} of its {row_count(len(rows), year)}: the others come before its last trade is "
        f"booked, {counted(waits, row_name(year))} after it is decided. With a smaller `lag`, or fewer `days` of "
        "`execution`, it can trade on more."
    ]


def _deferred_without_tax(name: str, played: Backtest) -> list[str]:
    """A warning where a policy charges sales by a deferral of tax, and the test charges no tax."""
    tax = played.costs.tax
    if getattr(played.policy, "deferral", None) is None or (tax is not None and tax.charges):
        return []
    return [f"{name} has a deferral, which has no effect: the test charges no tax. Give `tax` a rate, or leave it out."]


def check_settings(
    portfolio: Portfolio, names: Sequence[str], reference: str, rl_steps: int, rl_seeds: int, draws: int
) -> None:
    """Raise for settings that cannot be compared, before anything is fitted.

    portfolio : the portfolio whose candidates are compared.
    names     : names of the candidates to compare.
    reference : the policy to which differences are taken.
    rl_steps  : training steps a seed of learned candidates.
    rl_seeds  : number of seeds of learned candidates.
    draws     : number of draws of the bootstrap.
    Raises    : ConfigError.
    """
    for name in [*names, reference]:
        if name not in portfolio.policies:
            raise ConfigError(
                f"policy {name!r} is not among the candidates of {portfolio.file} ({', '.join(portfolio.policies)}). "
                "Correct the name, or add it under `policies`."
            )
    if reference not in names:
        raise ConfigError(
            f"the reference {reference!r} is not among those to compare ({', '.join(names)}): add it, or name another "
            "reference."
        )
    rows = len(portfolio.market.dates)
    if rows <= TEST_DAYS:
        raise ConfigError(
            f"the market of {portfolio.file} has {rows} rows, and {TEST_DAYS + 1} at least are needed: one before the "
            f"test, and {TEST_DAYS} of the test. Fetch or import more of the past."
        )
    tested = rows - portfolio.market.row(portfolio.test_start - pd.Timedelta(days=1)) - 1
    if tested < TEST_DAYS:
        raise ConfigError(
            f"test_start of {portfolio.file} is {portfolio.test_start:%Y-%m-%d}: it leaves {tested} sessions, and "
            f"{TEST_DAYS} at least are needed. Choose an earlier one."
        )
    given = max((len(spec.seeds) for spec in portfolio.policies.values() if isinstance(spec, Learned)), default=0)
    if not 0 <= rl_steps <= TRAINING_STEPS:
        refuse("rl_steps is", rl_steps, f"give training steps a seed, {TRAINING_STEPS:,} at most, or 0 for the file's.")
    if rl_seeds < 0 or rl_seeds > given > 0:  # without a learned candidate none is trained
        raise ConfigError(f"rl_seeds is {rl_seeds}: {portfolio.file} has {given}. Give as many at most, or 0 for all.")
    Resampling(reps=draws)  # says what it needs
    check_trainable(portfolio, names)
