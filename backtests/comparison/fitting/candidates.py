"""The candidates of a portfolio: fitted on the days before its test where they must be, then backtested through it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import pandas as pd

from backtests.comparison.fitting.tuning import Tuned, played, schedule_words, training_setup, uncounted_tune
from backtests.engine.result import Backtest
from backtests.engine.run import backtest, conditions
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.comparator import comparator_of
from backtests.evaluation.scores import Score
from backtests.runs.sent_markets import run_on_cluster
from backtests.runs.tasks import check_worker
from backtests.sweeps import Setup
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, DataError, PolicyError
from foundation.files import CACHE, DATA
from research.accounting import Costs, Execution, Policy
from research.allocation import Allocation, TargetPath, kept_target_path, target_path
from research.learning import Learned, LearnedPolicy, Training, train
from research.learning.card import versions
from research.learning.parallel_seeds import SHARED_DRAWS
from research.learning.training import check_learner, load_training
from research.market import Market
from research.market.calendars import A_YEAR
from research.portfolio import Portfolio
from research.rules import Rule, TunedThreshold
from research.rules.protocol import held_by, traits

SCHEDULES = ("week", "month")  # that are tried beside every close where a file leaves a schedule open
SHIPPED_TRAININGS = DATA / "policies"  # of trainings: a folder a portfolio file, with one of each learned candidate
TRAININGS = CACHE / "trainings"  # each finished seed, under a name made from all that it depends on
Progress = Callable[[str, int, int], None]  # what is being done, how much of it is done, and how much there is


@dataclass(frozen=True, eq=False)
class Fitted:
    """A candidate that is ready for a backtest: as in the file, tuned, or learned from several seeds.

    policy   : the policy that is backtested.
    tuned    : the tuning that chose its settings, or None.
    training : the training of its seeds, or None.
    schedule : the tuning that chose the days on which it is asked, where its file leaves them open, or None.
    origin   : a sentence on a training that comes with the workbench: it was loaded, or why it was not; or "".
    """

    policy: Rule
    tuned: Tuned | None = None
    training: Training | None = None
    schedule: Tuned | None = None
    origin: str = ""

    @property
    def seeds(self) -> Mapping[int, LearnedPolicy]:
        """Learned policies by seed; none for another candidate."""
        return {} if self.training is None else self.training.policies

    @property
    def tunings(self) -> tuple[Tuned, ...]:
        """The tunings that it came from: of its settings, or of its schedule."""
        return tuple(one for one in (self.tuned, self.schedule) if one is not None)

    @property
    def tried(self) -> int:
        """Number of configurations that were tried, including the chosen one."""
        return max(len(self.seeds) + sum(one.card.trials for one in self.tunings), 1)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on how it was fitted, for a reader to know."""
        chosen = "" if self.schedule is None else schedule_words(self.schedule)
        return tuple(filter(None, (self.origin, chosen)))


@dataclass(frozen=True, eq=False, repr=False)
class PlayedCandidates:
    """Candidates of a portfolio, fitted, backtested through its test, and measured by one benchmark.

    portfolio                   : portfolio as it was backtested.
    benchmark                   : benchmark, with the path of the strategic target.
    fitted, backtests, scores   : by name, in the order of the file.
    seed_backtests, seed_scores : by learned candidate and seed; seeds missing there were trained, and not backtested.
    ended                       : the error, in a sentence, of each candidate whose backtest ended with one; it is in
                                  none of the others.
    """

    portfolio: Portfolio
    benchmark: Benchmark
    fitted: Mapping[str, Fitted]
    backtests: Mapping[str, Backtest]
    scores: Mapping[str, Score]
    seed_backtests: Mapping[str, Mapping[int, Backtest]]
    seed_scores: Mapping[str, Mapping[int, Score]]
    ended: Mapping[str, str]

    @property
    def trials(self) -> int:
        """Number of configurations tried in all, on training days or in the test."""
        return sum(one.tried for one in self.fitted.values())


def shortened(spec: Rule | TunedThreshold | Learned, steps: int, seeds: int) -> Rule | TunedThreshold | Learned:
    """A learned candidate with fewer steps and seeds, for a draft run; other candidates unchanged."""
    if not isinstance(spec, Learned):
        return spec
    return replace(spec, steps=steps or spec.steps, seeds=spec.seeds[: seeds or len(spec.seeds)])


def fit(
    name: str,
    portfolio: Portfolio,
    progress: Progress | None = None,
    spec: Rule | TunedThreshold | Learned | None = None,
    retrain: bool = False,
    cluster: str = "",
) -> Fitted:
    """Tune or train a candidate if needed, on the days before the test only; the caller counts the trials.

    A training that comes with the workbench, in `SHIPPED_TRAININGS` under the names of file and candidate, is loaded if
    settings, data, costs and seeds are the same. Others are stored in `TRAININGS`, and taken from there with the same
    code, too.

    name      : name of the candidate.
    portfolio : portfolio whose days it is fitted on.
    progress  : callback that is told the step, or None.
    spec      : the candidate itself, if it is not the file's of that name.
    retrain   : True to train anew, even if the training is stored or comes with the workbench.
    cluster   : address of a Dask cluster whose workers train the seeds, or "".
    Raises    : ConfigError and DataError as `tune` and `train` do, with the candidate's name and file, and ConfigError
                as `run_on_cluster` does.
    """
    try:
        return _fitted(name, portfolio.policies[name] if spec is None else spec, portfolio, progress, retrain, cluster)
    except (ConfigError, DataError) as error:
        raise type(error)(f"policies.{name} ({portfolio.file}): {error}") from error


def _fitted(
    name: str,
    spec: Rule | TunedThreshold | Learned,
    portfolio: Portfolio,
    progress: Progress | None,
    retrain: bool,
    cluster: str,
) -> Fitted:
    if isinstance(spec, TunedThreshold):
        tuned = uncounted_tune(spec, tuning_setup(portfolio))
        return Fitted(tuned.policy, tuned=tuned)
    if isinstance(spec, Learned):
        shipped = SHIPPED_TRAININGS / Path(portfolio.file).stem / name
        training, origin = _trained(shipped, spec, portfolio, progress, retrain, cluster)
        schedule = best_schedule(training.policy, portfolio) if spec.leaves_schedule_open else None
        if schedule is not None:
            training = training.asked(schedule.card.settings["schedule"])
        return Fitted(training.policy, training=training, schedule=schedule, origin=origin)
    schedule = best_schedule(spec, portfolio) if traits(spec).leaves_schedule_open else None
    return Fitted(spec if schedule is None else schedule.policy, schedule=schedule)


def _trained(
    folder: Path, spec: Learned, portfolio: Portfolio, progress: Progress | None, retrain: bool, cluster: str
) -> tuple[Training, str]:
    """The training in `folder`, or one made here; and a sentence that says so, "" where the folder is not there."""
    before, origin, where = market_before_test(portfolio), "", Path(*folder.parts[-4:]).as_posix()
    costs, terms = training_costs(portfolio, before), ("tracking_penalty", "periods_per_year", "lag")
    objective = {name: getattr(portfolio, name) for name in terms}
    if folder.is_dir() and not retrain:
        try:
            found = load_training(folder, spec, before, costs, objective)
            days = f"{before.dates[0]:%Y-%m-%d} to {before.dates[-1]:%Y-%m-%d}"
            return found, f"Trained on {days}, and loaded from {where}; --retrain trains it anew."
        except DataError as error:
            origin = f"Trained anew: {str(error).replace(str(folder), where)}"
    told = None if progress is None else partial(progress, "training")
    elsewhere = partial(_on_cluster, cluster) if cluster else None
    made = train(
        spec, before, costs, **objective, elsewhere=elsewhere, progress=told, checkpoints=TRAININGS, keep=True,
        retrain=retrain,
    )  # fmt: skip
    return made, origin


def _on_cluster(address: str, job: Callable[[int], Any], seeds: Sequence[int]) -> Iterator[tuple[int, Any]]:
    """Seeds with the results of a job for each, from the workers of a Dask cluster."""
    return run_on_cluster((versions(), job), _seed_there, seeds, address, SHARED_DRAWS)


def _seed_there(sent: tuple[Mapping[str, str], Callable[[int], Any]], seed: int) -> Any:
    """The result of a job for a seed, on a worker. Raises ConfigError for one with other libraries of learning."""
    libraries, job = sent
    check_worker(libraries)
    return job(seed)


def best_schedule(rule: Rule, portfolio: Portfolio) -> Tuned | None:
    """A rule asked at every close and on each of `SCHEDULES`, and the best of them on the days before the test.

    A trained network stays as it is, and is asked on other days. The caller counts the trials.

    rule      : a dataclass with a `schedule`.
    portfolio : portfolio whose days it is fitted on; a schedule that its market lacks the rows for is not tried.
    Returns   : the choice; None where there is none, and where the rule can run on less than a year before the test.
    """
    setup, year = tuning_setup(portfolio), portfolio.periods_per_year
    schedules = ("day", *(one for one in SCHEDULES if A_YEAR[one] <= year))
    tried = [replace(cast(Any, rule), schedule=one) for one in schedules]
    try:
        training, _ = training_setup(setup, tried, None, 1.0)
    except (ConfigError, DataError):  # no days at all
        return None
    if len(schedules) == 1 or len(training.market.dates) - training.market.row(training.start) < year:
        return None
    return uncounted_tune(tried, setup, measure=on_training_days if isinstance(rule, LearnedPolicy) else None)


def on_training_days(setup: Setup, rules: Sequence[Rule]) -> pd.DataFrame:
    """The metrics of trained policies, as `played` has them, on days of their training, which no test may use."""
    return played(setup, [replace(cast(Any, rule), seen=setup.market.dates[0]) for rule in rules])


def tuning_setup(portfolio: Portfolio) -> Setup:
    """The file's setup without what tuning ignores, in which thresholds are tuned."""
    return replace(Setup.of(portfolio), execution=Execution(), dividends="reinvest", flows=None)


def training_costs(portfolio: Portfolio, before: Market) -> Costs:
    """The costs that a learned policy trains with, on the days `before` the test."""
    return portfolio.costs.until(len(before.dates)).simplified(before, portfolio.nav)


def check_trainable(portfolio: Portfolio, names: Sequence[str]) -> None:
    """Refuse a learned candidate among `names` whose learner cannot learn with the portfolio's costs.

    Raises : ConfigError with the candidate's name and file.
    """
    learned = [name for name in names if isinstance(portfolio.policies[name], Learned)]
    costs = training_costs(portfolio, market_before_test(portfolio)) if learned else portfolio.costs
    for name in learned:
        try:
            check_learner(portfolio.policies[name], costs)
        except ConfigError as error:
            raise ConfigError(f"policies.{name} ({portfolio.file}): {error}") from error


def market_before_test(portfolio: Portfolio) -> Market:
    """The market up to the last close before the test: all that fitting may see."""
    return portfolio.market.until(portfolio.test_start - pd.Timedelta(days=1))


def fitted_without(portfolio: Portfolio, fitted: Mapping[str, Fitted]) -> list[str]:
    """Warnings about settings of the test that tuning or training ignored."""
    costs, found, fits = portfolio.costs, [], list(fitted.values())
    learned = any(f.training is not None for f in fits)
    if costs.left_out and learned:
        found.append(f"Learned policies were trained without {', '.join(costs.left_out)}; the test charges them.")
    if costs.half_spread.ndim > 1 and learned:
        found.append("Learned policies were trained with each asset's median spread; the test charges daily spreads.")
    for name, f in fitted.items():
        for card in (one.card for one in f.tunings if one.card.moved):
            found.append(
                f"{name} was tuned from {card.first:%Y-%m-%d} on, when the daily costs of all assets are known; "
                f"earlier days from {card.possible:%Y-%m-%d} on were not used."
            )
    beside = portfolio.beside_costs
    if beside and (learned or any(f.tunings for f in fits)):
        found.append(f"Tuned and learned policies were fitted without {', '.join(beside)}, which the test has.")
    return found


def benchmark_of(portfolio: Portfolio, market: Market) -> Benchmark:
    """The benchmark of `portfolio` on its market, or on the part of it that ends with the training days."""
    return Benchmark(
        target_path(portfolio.strategic, market),
        portfolio.lower,
        portfolio.upper,
        portfolio.tracking_penalty,
        portfolio.periods_per_year,
    )


def with_comparator(
    portfolio: Portfolio,
    benchmark: Benchmark,
    played: Mapping[str, Backtest],
    paths: dict[Allocation, TargetPath] | None = None,
    progress: Progress | None = None,
) -> Benchmark:
    """The benchmark with the comparator that the portfolio's file names; a policy that was not played is played.

    portfolio : portfolio with the file's `benchmark`.
    benchmark : its target, ranges and g.
    played    : backtests by policy, all in the test of the portfolio.
    paths     : keeps the target paths that others can share.
    progress  : callback that is told the step, or None.
    """

    def play(name: str) -> Backtest:
        if name in played:
            return played[name]
        return backtest_candidate(portfolio, fit(name, portfolio, progress).policy, name, paths)

    first = portfolio.market.row(portfolio.test_start - pd.Timedelta(days=1))
    return replace(benchmark, comparator=comparator_of(portfolio.benchmark, first, play))


def backtest_candidate(
    portfolio: Portfolio, policy: Policy, name: str, paths: dict[Allocation, TargetPath] | None = None
) -> Backtest:
    """Backtest a fitted policy in the test of `portfolio`.

    portfolio : portfolio of the market, costs and test.
    policy    : a policy that is ready for a backtest.
    name      : name of the backtest.
    paths     : target paths by allocation, kept here so that other backtests can share them.
    Raises    : PolicyError with the name for an allocation without a target, and as `backtest` does.
    """
    paths = {} if paths is None else paths
    first = portfolio.market.row(portfolio.test_start - pd.Timedelta(days=1))
    held = held_by(policy, portfolio.strategic)
    if held not in paths:
        try:
            paths[held] = kept_target_path(held, portfolio.market, start=first)
        except PolicyError as error:
            raise PolicyError(f"policy {name!r}: {error}") from error
    return backtest(
        portfolio.market,
        policy,
        portfolio.costs,
        **conditions(portfolio, start=portfolio.test_start, targets=paths[held], name=name),
    )
