"""Many policies on the same days: played, paired, judged, and one of them recommended, or none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import pandas as pd

from backtests.comparison.tuning import Tuned, tune
from backtests.engine.result import Backtest
from backtests.engine.run import backtest
from backtests.evaluation.benchmark import Yardstick
from backtests.evaluation.evidence import Evidence, Resampling, confidence_set, paired_evidence
from backtests.evaluation.scores import Score, score, table
from backtests.evaluation.words import finding
from backtests.sweeps import Arena
from backtests.views import view
from research.accounting import Execution, Policy
from research.allocation import Allocation, TargetPath, target_path
from research.arrays import Array
from research.errors import ConfigError, DataError
from research.learning import Learned, LearnedPolicy, Training, train
from research.market import Market
from research.market.notes import warnings_in
from research.portfolio import Portfolio
from research.progress import bar
from research.rules import Rule, TunedThreshold
from research.rules.protocol import complexity, held_by, traits

REFERENCE = "quarterly"
LEAST_DAYS = 2 * Resampling().block  # of a test: two blocks of the bootstrap
FULL = {"rl_steps": 0, "rl_seeds": 0, "draws": 10_000}  # settings of a full run; 0: as the portfolio file says

Progress = Callable[[str, int, int], None]  # what is being done, how much of it is done, and how much there is


@dataclass(frozen=True, eq=False)
class Fitted:
    """A candidate ready to be played, and how it got there: as the file gives it, tuned, or learned from seeds."""

    policy: Rule
    tuned: Tuned | None = None
    training: Training | None = None

    @property
    def seeds(self) -> Mapping[int, LearnedPolicy]:
        """Learned policies by seed; none for another candidate."""
        return {} if self.training is None else self.training.policies

    @property
    def tried(self) -> int:
        """Configurations that were tried to get here, the one kept among them."""
        return self.tuned.card.trials if self.tuned is not None else max(len(self.seeds), 1)


@dataclass(frozen=True)
class Recommendation:
    """The simplest of the policies that cannot be told from the best, among those that keep the limits.

    policy : its name, or None.  members : the 90 % model confidence set of the eligible on daily J.
    p : each eligible policy's p of belonging to it.  broken : for each that is not eligible, the limits it broke.
    sentence : the recommendation in words.
    """

    policy: str | None
    members: tuple[str, ...]
    p: Mapping[str, float]
    broken: Mapping[str, tuple[str, ...]]
    sentence: str


@dataclass(frozen=True, eq=False)
class Comparison:
    """Policies of one portfolio on the same market, days, costs and lag.

    backtests, scores, fitted : by policy, in the order of the file.  seed_scores : for a learned policy, each seed's.
    trials : configurations tried in all, on training days or test.  warnings : what a reader must judge.
    settings : those really used, plain JSON values.
    """

    portfolio: Portfolio
    yardstick: Yardstick
    reference: str
    fitted: Mapping[str, Fitted]
    backtests: Mapping[str, Backtest]
    scores: Mapping[str, Score]
    seed_backtests: Mapping[str, Mapping[int, Backtest]]
    seed_scores: Mapping[str, Mapping[int, Score]]
    evidence: Evidence
    recommendation: Recommendation
    trials: int
    settings: Mapping[str, object]

    @property
    def recommended(self) -> Rule | None:
        """The recommended policy itself."""
        name = self.recommendation.policy
        return None if name is None else self.fitted[name].policy

    def table(self) -> pd.DataFrame:
        """A column a policy, a row a figure."""
        return table(self.scores, self.backtests)

    def seeds(self) -> pd.DataFrame:
        """A row a learned policy and seed: J on training worlds, then its figures out of sample."""
        rows = []
        for name, by_seed in self.seed_scores.items():
            training = self.fitted[name].training
            assert training is not None
            for seed, one in by_seed.items():
                stands = {
                    "policy": name,
                    "seed": seed,
                    "J_training": training.losses[seed],
                    "stands": seed == training.chosen,
                }
                rows.append(stands | one.figures(self.seed_backtests[name][seed].dates))
        return pd.DataFrame(rows)

    @cached_property
    def accounting(self) -> str:
        """One line: does the money of every backtest reconcile, and to what?"""
        found = {name: played.reconcile() for name, played in self.backtests.items()}
        broken = [money.verdict for money in found.values() if not money.holds]
        if broken:
            return " ".join(broken)
        largest = max(money.largest for money in found.values())
        return (
            f"start + gains − costs = end on every day and line of all {len(found)} backtests; the largest "
            f"residual is {largest:.0e} of NAV"
        )

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must judge: of the data in the test, of policies that never traded, and of the run."""
        found = played_warnings(self.portfolio, self.fitted, self.backtests)
        quick = {name: self.settings[name] for name, full in FULL.items() if self.settings[name] != full}
        if quick:
            found.append(f"A quick look, with {', '.join(f'{k} = {v:,}' for k, v in quick.items())}: no full run.")
        if self.portfolio.policy not in (None, self.recommendation.policy):
            found.append(f"The file has {self.portfolio.policy} in force, and these trades follow the recommendation.")
        days = len(self.backtests[self.reference].net_returns)
        if days < 3 * self.yardstick.periods_per_year:
            found.append(f"The test has {days} days, less than three years: most differences cannot be told apart.")
        return tuple(found)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the data in the test, and need not judge."""
        first, last = self.backtests[self.reference].dates[[0, -1]]
        return tuple(str(n) for n in self.portfolio.market.notes if not n.warning and n.falls_in(first, last))

    def digest(self) -> str:
        """One line that two equal comparisons share on any machine: size of the test, data, and the reference's J."""
        days = len(self.backtests[self.reference].net_returns)
        return (
            f"{len(self.fitted)} policies, {days:,} days, data {self.portfolio.market.fingerprint[:8]}, J of "
            f"{self.reference} {self.scores[self.reference]['J']:.2f} bp a year"
        )

    def answer(self) -> str:
        """The answer in words, with its doubt."""
        return f"**{self.recommendation.sentence}** {finding(self.evidence, self.trials)}"

    def __repr__(self) -> str:
        """The table, the differences in J and the recommendation, as text."""
        return str(view(self, "text"))

    def _repr_html_(self) -> str:
        """The blocks of the tearsheet."""
        return str(view(self, "html"))


def compare(
    portfolio: Portfolio,
    *,
    reference: str = REFERENCE,
    only: Sequence[str] | None = None,
    rl_steps: int = 0,
    rl_seeds: int = 0,
    draws: int = 10_000,
    progress: Progress | None = None,
) -> Comparison:
    """Play every candidate of `portfolio` from its first test day on, and judge them on the same days.

    What must be fitted (a tuned threshold, a learned policy) is fitted on the days before the test only.
    reference : the policy to which differences are taken.  only : names of the candidates to compare (default: all).
    rl_steps, rl_seeds : training steps a seed and number of seeds of learned candidates; 0 takes the file's.
    draws : of the bootstrap.  progress : told what is being done, and how far it is; without it a bar is shown.
    Raises : ConfigError for an unknown name or a reference that is not among the candidates.
    """
    names = list(portfolio.policies) if only is None else list(only)
    check_settings(portfolio, names, reference, rl_steps, rl_seeds, draws)
    with bar(len(names), "comparing", shown=progress is None) as told:
        return _compared(portfolio, names, reference, rl_steps, rl_seeds, draws, progress or told.stage)


def _compared(
    portfolio: Portfolio,
    names: Sequence[str],
    reference: str,
    rl_steps: int,
    rl_seeds: int,
    draws: int,
    tell: Progress,
) -> Comparison:
    yardstick = measure_by(portfolio, portfolio.market)
    specs = {name: shortened(portfolio.policies[name], rl_steps, rl_seeds) for name in names}
    fitted, played = {}, {}
    for done, (name, spec) in enumerate(specs.items()):
        tell(f"fitting {name}", done, len(specs))
        fitted[name] = fit(name, portfolio, tell, spec)
    paths: dict[Allocation, TargetPath] = {portfolio.strategic: yardstick.strategic}
    by_seed: dict[str, dict[int, Backtest]] = {}
    for done, (name, f) in enumerate(fitted.items()):
        tell(f"playing {name}", done, len(specs))
        played[name] = play(portfolio, f.policy, name, paths)
        if f.seeds:
            by_seed[name] = {
                seed: play(portfolio, policy, f"{name}, seed {seed}", paths) for seed, policy in f.seeds.items()
            }
    tell("pairing policies by bootstrap", 0, 0)
    scores = {name: score(b, yardstick) for name, b in played.items()}
    evidence = evidence_between(played, [s.losses for s in scores.values()], reference, Resampling(reps=draws))
    return Comparison(
        portfolio=portfolio,
        yardstick=yardstick,
        reference=reference,
        fitted=fitted,
        backtests=played,
        scores=scores,
        seed_backtests=by_seed,
        seed_scores={name: {seed: score(b, yardstick) for seed, b in runs.items()} for name, runs in by_seed.items()},
        evidence=evidence,
        recommendation=recommend(portfolio, scores, evidence.resampling),
        trials=sum(f.tried for f in fitted.values()),
        settings=settings_of(portfolio, rl_steps=rl_steps, rl_seeds=rl_seeds, draws=draws)
        | {"reference": reference, "candidates": names},
    )


def played_warnings(portfolio: Portfolio, fitted: Mapping[str, Fitted], backtests: Mapping[str, Backtest]) -> list[str]:
    """What a reader must judge of the data in a test, of how its policies were fitted, and of how they were used there.

    fitted, backtests : by policy, one at least, all on the same days.
    """
    first, last = next(iter(backtests.values())).dates[[0, -1]]
    found = [*warnings_in(portfolio.market.notes, first, last), *fitted_without(portfolio, fitted)]
    for name, played in backtests.items():
        if not len(played.ledger.asked) and traits(portfolio.policies[name]).family != "never":
            found.append(f"{name} never traded in the test.")
        found.extend(played.warnings)
    return found


def fitted_without(portfolio: Portfolio, fitted: Mapping[str, Fitted]) -> list[str]:
    """What the test has and fitting went without, in sentences."""
    costs, found, fits = portfolio.costs, [], list(fitted.values())
    learned = any(f.training is not None for f in fits)
    if costs.left_out and learned:
        found.append(f"Learned policies were trained without {', '.join(costs.left_out)}; the test charges all.")
    if costs.half_spread.ndim > 1 and learned:
        found.append("Learned policies were trained on the median of each line's spreads; the test charges each.")
    for name, f in fitted.items():
        if f.tuned is not None and f.tuned.card.moved:
            card = f.tuned.card
            found.append(
                f"{name} was tuned from {card.first:%Y-%m-%d} on, where the costs by the day of all lines are known, "
                f"and without the days from {card.possible:%Y-%m-%d} up to then."
            )
    beside = portfolio.beside_costs
    if beside and (learned or any(f.tuned is not None for f in fits)):
        found.append(f"Tuned and learned policies were fitted without {', '.join(beside)}, which the test has.")
    return found


def training_days(portfolio: Portfolio) -> Market:
    """The market up to the last close before the test: all that fitting may see."""
    return portfolio.market.until(portfolio.test_start - pd.Timedelta(days=1))


def check_settings(
    portfolio: Portfolio, names: Sequence[str], reference: str, rl_steps: int, rl_seeds: int, draws: int
) -> None:
    """Refuse what cannot be compared, before anything is fitted. Raises ConfigError."""
    for name in [*names, reference]:
        if name not in portfolio.policies or name not in names:
            raise ConfigError(
                f"policy {name!r} is not among the candidates of {portfolio.file} ({', '.join(names)}). Correct the "
                "name, or add it under `policies`."
            )
    tested = len(portfolio.market.dates) - portfolio.market.row(portfolio.test_start - pd.Timedelta(days=1)) - 1
    if tested < LEAST_DAYS:
        raise ConfigError(
            f"test_start of {portfolio.file} is {portfolio.test_start:%Y-%m-%d}: it leaves {tested} sessions, and "
            f"{LEAST_DAYS} at least are needed. Choose an earlier one."
        )
    given = max((len(spec.seeds) for spec in portfolio.policies.values() if isinstance(spec, Learned)), default=0)
    if rl_steps < 0:
        raise ConfigError(f"rl_steps is {rl_steps}: give training steps a seed, or 0 for the file's.")
    if not 0 <= rl_seeds <= given:
        raise ConfigError(f"rl_seeds is {rl_seeds}: {portfolio.file} has {given}. Give as many at most, or 0 for all.")
    Resampling(reps=draws)  # says what it needs


def settings_of(portfolio: Portfolio, *, rl_steps: int, rl_seeds: int, draws: int) -> dict[str, object]:
    """The settings of a comparison, as plain JSON values: the portfolio file's and the notebook's."""
    return {
        "portfolio": portfolio.settings,
        "rl_steps": rl_steps,
        "rl_seeds": rl_seeds,
        "draws": draws,
        "reference": REFERENCE,
        "candidates": list(portfolio.policies),
    }


def shortened(spec: Rule | TunedThreshold | Learned, steps: int, seeds: int) -> Rule | TunedThreshold | Learned:
    """A learned candidate with fewer steps and seeds, for a quick look; anything else as it is."""
    if not isinstance(spec, Learned):
        return spec
    return replace(spec, steps=steps or spec.steps, seeds=spec.seeds[: seeds or len(spec.seeds)])


def measure_by(portfolio: Portfolio, market: Market) -> Yardstick:
    """The yardstick of `portfolio` on its market, or on the part of it that ends with the training days."""
    return Yardstick(
        target_path(portfolio.strategic, market),
        portfolio.lower,
        portfolio.upper,
        portfolio.g,
        portfolio.periods_per_year,
    )


def fit(
    name: str,
    portfolio: Portfolio,
    progress: Progress | None = None,
    spec: Rule | TunedThreshold | Learned | None = None,
) -> Fitted:
    """Make a candidate ready to be played, on the days before the test only.

    spec   : the candidate itself, if it is not the file's of that name.
    Raises : ConfigError and DataError as `tune` and `train` do, with the candidate's name and file.
    """
    try:
        return _fitted(portfolio.policies[name] if spec is None else spec, portfolio, progress)
    except (ConfigError, DataError) as error:
        raise type(error)(f"policies.{name} ({portfolio.file}): {error}") from error


def _fitted(spec: Rule | TunedThreshold | Learned, portfolio: Portfolio, progress: Progress | None) -> Fitted:
    if isinstance(spec, TunedThreshold):
        tuned = tune(spec, replace(Arena.of(portfolio), execution=Execution(), dividends="reinvest", flows=None))
        return Fitted(tuned.policy, tuned=tuned)
    if isinstance(spec, Learned):
        before, told = training_days(portfolio), None if progress is None else partial(progress, "training")
        costs = portfolio.costs.until(len(before.dates)).simplified(before, portfolio.nav)
        training = train(spec, before, costs, portfolio.g, portfolio.periods_per_year, lag=portfolio.lag, progress=told)
        return Fitted(training.policy, training=training)
    return Fitted(spec)


def play(
    portfolio: Portfolio, policy: Policy, name: str, paths: dict[Allocation, TargetPath] | None = None
) -> Backtest:
    """Play one ready policy through the test of `portfolio`. `paths` keeps the target paths that others can share."""
    paths = {} if paths is None else paths
    first = portfolio.market.row(portfolio.test_start - pd.Timedelta(days=1))
    held = held_by(policy, portfolio.strategic)
    if held not in paths:
        paths[held] = target_path(held, portfolio.market, start=first)
    return backtest(
        portfolio.market,
        policy,
        portfolio.costs,
        start=portfolio.test_start,
        nav=portfolio.nav,
        lag=portfolio.lag,
        execution=portfolio.execution,
        dividends=portfolio.dividends,
        flows=portfolio.flows,
        targets=paths[held],
        periods_per_year=portfolio.periods_per_year,
        name=name,
    )


def evidence_between(
    played: Mapping[str, Backtest], losses: Sequence[Array], reference: str, resampling: Resampling
) -> Evidence:
    """The paired evidence of backtests on the same days.  losses : the daily terms of J of each, bp a year."""
    one = next(iter(played.values()))
    return paired_evidence(
        list(played),
        np.column_stack(losses),
        np.column_stack([b.net_returns for b in played.values()]),
        one.market.cash[one.first + 1 :],
        reference=reference,
        span_days=float((one.dates[-1] - one.dates[0]).days),
        periods_per_year=one.periods_per_year,
        resampling=resampling,
    )


def recommend(portfolio: Portfolio, scores: Mapping[str, Score], resampling: Resampling) -> Recommendation:
    """The simplest class of the 90 % confidence set of the eligible on daily J, and within it the lowest J.

    A policy is not eligible when its realised tracking error to the strategic target is past the file's limit, or when
    a line stands outside its range on more than the allowed share of the test days. Growth and Sharpe never select.
    """
    broken = {name: found for name, s in scores.items() if (found := _broken(s, portfolio))}
    eligible = [name for name in scores if name not in broken]
    if not eligible:
        reasons = "; ".join(f"{name}: {' and '.join(limits)}" for name, limits in broken.items())
        return Recommendation(
            None, (), {}, broken, f"No policy is recommended, since none keeps the limits ({reasons})."
        )
    chosen_from = confidence_set(
        np.column_stack([scores[n].losses for n in eligible]), size=0.10, resampling=resampling
    )
    members = tuple(name for name, held in zip(eligible, chosen_from.included, strict=True) if held)
    best = min(members, key=lambda name: (complexity(portfolio.policies[name]), scores[name]["J"]))
    return Recommendation(
        best,
        members,
        dict(zip(eligible, chosen_from.p.tolist(), strict=True)),
        broken,
        _sentence(best, members, eligible, scores),
    )


def _broken(s: Score, portfolio: Portfolio) -> tuple[str, ...]:
    """The limits that a policy broke in the test, in words."""
    limits, found = portfolio.limits, []
    if limits.tracking_error is not None and s["tracking_error"] > limits.tracking_error:
        found.append(f"tracking error {s['tracking_error']:.2%} past the limit of {limits.tracking_error:.2%}")
    if s["days_outside"] > limits.max_days_outside:
        found.append(
            f"a line outside its range on {s['days_outside']:.1%} of days, {limits.max_days_outside:.1%} allowed"
        )
    return tuple(found)


def _sentence(best: str, members: tuple[str, ...], eligible: Sequence[str], scores: Mapping[str, Score]) -> str:
    lowest = min(eligible, key=lambda name: scores[name]["J"])
    tail = f"Its J is {scores[best]['J']:.2f} bp a year"
    if best == lowest:
        tail += ", the lowest of the eligible"
    else:
        tail += f"; the lowest, {scores[lowest]['J']:.2f} of {lowest}, is in the same set"
    if len(members) == 1:
        return f"Use {best}: it is alone in the 90 % confidence set of {len(eligible)} eligible policies. {tail}."
    return (
        f"Use {best}: the simplest of {len(members)} policies in the 90 % confidence set of the best, among "
        f"{len(eligible)} eligible. {tail}."
    )
