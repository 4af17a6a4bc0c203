"""Combinatorial purged cross-validation of a tuned rule: the worth of its choice on days that it did not see.

The history is cut into blocks. Every combination of some of them is tested once, by the settings that have the lowest J
on the others; the tested blocks, in order of time, make up several paths through the whole history.

A split trains on days after those that it tests, which no backtest may do. It is evidence about the choice, and nothing
here can be traded: every setting is played in every block as a rule that saw no day at all, and only which of them is
read in a tested block comes from the other blocks. So no policy that carries the last day that it saw is played on an
earlier one, and the engine's check stays as it is.

Source : López de Prado (2018), Advances in Financial Machine Learning, chapters 7 and 12; splits by skfolio.
"""

from collections import Counter
from math import comb

import numpy as np
import pandas as pd

from backtests.comparison.fitting.candidates import Progress, benchmark_of, tuning_setup
from backtests.comparison.fitting.trials import split_trials
from backtests.comparison.fitting.tuning import Candidates, Origin, every_candidate, training_setup
from backtests.engine.run import backtest
from backtests.evaluation.benchmark import losses, target_returns
from backtests.runs.trial_book import count_trials
from backtests.sweeps import Setup
from foundation.arguments import is_whole, one_of, refuse
from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError
from foundation.paper.text_tables import text_table, warnings_text, wrapped
from foundation.progress import bar
from research.accounting import Policy
from research.allocation import Allocation, TargetPath, target_path
from research.learning import Learned
from research.portfolio import Portfolio
from research.risk import sharpe
from research.rules import Rule
from research.rules.protocol import fitted_until, long_name

MOST_SPLITS = 5_000


@dataclass(frozen=True, eq=False)
class Combinatorial:
    """The splits of a candidate's history, and the paths that their tested blocks form.

    name      : name of the candidate.
    portfolio : portfolio of the market, costs and target.
    days      : (D,) days of all blocks, from the first on which every setting can be backtested.
    starts    : first day of each block.
    purge     : sessions left out of training on either side of a tested block.
    embargo   : sessions left out in addition after a tested block.
    trials    : number of settings.
    splits    : a row for each split: tested (numbers of its blocks, from 1), sessions (trained on), chosen (settings),
                and J on the training days and in the tested blocks, bp a year: loss_training, loss.
    losses    : (P, D) daily terms of J of each path, bp a year.
    returns   : (P, D) daily returns of each path, net of costs.
    paths     : a row for each path: loss (J, bp a year) and sharpe.
    """

    name: str
    portfolio: Portfolio
    days: pd.DatetimeIndex
    starts: tuple[pd.Timestamp, ...]
    purge: int
    embargo: int
    trials: int
    splits: pd.DataFrame
    losses: Array
    returns: Array
    paths: pd.DataFrame

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings for a reader to judge."""
        beside = self.portfolio.beside_costs
        return (f"Played without {', '.join(beside)}, as in tuning.",) if beside else ()

    def summary(self) -> pd.DataFrame:
        """J (bp a year) and Sharpe ratio over paths: mean, standard deviation, lowest, median, highest.

        All paths go through the same days: their spread is that of the choice, and no sampling error.
        """
        figures = {"mean": "mean", "sd": "std", "lowest": "min", "median": "median", "highest": "max"}
        return pd.DataFrame({key: self.paths.agg(how) for key, how in figures.items()})

    @property
    def sentence(self) -> str:
        """The worth of the choice on days that it did not see, in words."""
        chosen = Counter(self.splits["chosen"])
        settings, times = chosen.most_common(1)[0]
        before, after = self.splits["loss_training"].mean(), self.splits["loss"].mean()
        return (
            f"In {len(self.splits)} splits J is {before:.2f} bp a year on the days chosen on and {after:.2f} on those "
            f"tested; {settings} is chosen in {times} of them, and {len(chosen)} settings of {self.trials} are chosen "
            "at least once. Splits also train on later days: evidence about the choice, not a backtest."
        )

    def __repr__(self) -> str:
        """The distribution over paths, and the sentence."""
        digits = {"loss": 2, "sharpe": 3}
        table = self.summary()
        words = {"loss": "loss J, bp a year", "sharpe": "Sharpe ratio"}
        rows = [[words[key], *(f"{x:.{digits[key]}f}" for x in table.loc[key])] for key in words]
        return (
            f"{self.name}, combinatorial: {len(self.paths)} paths through {len(self.starts)} blocks of "
            f"{len(self.days) // len(self.starts):,} sessions from {self.days[0]:%Y-%m-%d}\n"
            f"{text_table([['over paths', *table], *rows], left=1)}\n{wrapped(self.sentence)}"
            f"{warnings_text(self.warnings)}"
        )


def combinatorial(
    portfolio: Portfolio,
    name: str,
    *,
    blocks: int = 6,
    tested: int = 2,
    purge: int = 5,
    embargo: int = 21,
    spec: Candidates | None = None,
    progress: Progress | None = None,
) -> Combinatorial:
    """Choose the settings of a tuned candidate anew in every split of its history, and read them in the tested blocks.

    Each setting runs in each block from its target at the close before, at no cost of opening, with the costs and
    the lag of the portfolio; executions, dividends and flows are those of tuning.

    portfolio : portfolio of the market, costs and candidates.
    name      : name of a tuned candidate.
    blocks    : number of blocks of equal length that the history is cut into; the last one takes the remainder.
    tested    : blocks of a split that are tested, 2 or more: C(blocks, tested) splits make C(blocks - 1, tested - 1)
                paths.
    purge     : training sessions left out on either side of a tested block, whose lag and holdings reach into it.
    embargo   : training sessions left out in addition after a tested block.
    spec      : the candidates themselves, as `tune` takes them, if they are not the file's.
    progress  : callback that is told the step and its progress; without it a bar is shown.
    Raises    : ConfigError for a candidate that has nothing to choose, for a learned one, and for numbers that do not
                fit together; ConfigError and DataError as `tune` does.

    Each setting is counted in the trial book (`backtests.runs.trial_book`).
    """
    candidates = _checked(portfolio, name, spec)
    setup = tuning_setup(portfolio)
    origins = every_candidate(candidates, setup)
    rules = [setup.policy(rule) for rule in origins]
    _check_rules(name, rules)
    last = portfolio.market.dates[-1]
    history, _ = training_setup(setup, list(origins), last, 1.0)
    first = history.market.row(history.start)
    days = history.market.dates[first:]
    trained, number, ends = _splits(len(days), blocks, tested, purge, embargo)
    daily, net = np.empty((len(rules), len(days))), np.empty((len(rules), len(days)))
    with bar(blocks * len(rules), "playing blocks", shown=progress is None) as stages:
        tell = progress or stages.stage
        for b, (start, stop) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            tell(f"playing block {b + 1}", b, blocks)
            daily[:, start:stop], net[:, start:stop] = _played(portfolio, history, rules, first + start, first + stop)
    target = target_returns(target_path(history.strategic, history.market), history.market, first - 1)
    count_trials([split_trials(setup, rules, days, net - target, daily, portfolio.periods_per_year)])
    before = np.array([daily[:, rows].mean(axis=1) for rows in trained])  # (splits, settings)
    chosen = np.argmin(before, axis=1)
    block = np.searchsorted(ends, np.arange(len(days)), side="right")
    of_day = chosen[number][block]  # (D, P) the setting of each path on each day
    paths, nets = (np.ascontiguousarray(values[of_day.T, np.arange(len(days))]) for values in (daily, net))
    cash = history.market.cash[first:]
    words = [_settings(rule, origin) for rule, origin in zip(rules, origins.values(), strict=True)]
    rows = []
    for s, (seen, k) in enumerate(zip(trained, chosen.tolist(), strict=True)):
        inside = np.flatnonzero((number == s).any(axis=1))
        rows.append(
            {
                "tested": ", ".join(str(b + 1) for b in inside),
                "sessions": len(seen),
                "chosen": words[k],
                "loss_training": float(before[s, k]),
                "loss": float(daily[k, np.isin(block, inside)].mean()),
            }
        )
    return Combinatorial(
        name=name,
        portfolio=portfolio,
        days=days,
        starts=tuple(days[[0, *ends[:-1]]]),
        purge=purge,
        embargo=embargo,
        trials=len(rules),
        splits=pd.DataFrame(rows),
        losses=paths,
        returns=nets,
        paths=pd.DataFrame(
            {"loss": paths.mean(axis=1), "sharpe": [sharpe(r, cash, portfolio.periods_per_year) for r in nets]}
        ),
    )


def _checked(portfolio: Portfolio, name: str, spec: Candidates | None) -> Candidates:
    if not isinstance(portfolio, Portfolio):
        refuse("portfolio is", portfolio, "give one, as load_portfolio('my_portfolio.yaml') reads it.")
    if spec is None:
        one_of("a candidate of combinatorial splits is", name, portfolio.policies)
    candidates = portfolio.policies[name] if spec is None else spec
    if isinstance(candidates, Learned):
        raise ConfigError(
            f"{name} is learned: a combinatorial split trains on days after those that it tests, and a learned policy "
            "knows the last day that it saw and may not be played on an earlier one. Use walk_forward."
        )
    if isinstance(candidates, Policy):
        raise ConfigError(f"{name} has nothing to choose: give a tuned candidate, or `spec`, the settings to try.")
    found: Candidates = candidates
    return found


def _check_rules(name: str, rules: list[Rule]) -> None:
    if len(rules) < 2:
        raise ConfigError(f"{name} has nothing to choose: found {len(rules)} setting. Give two or more.")
    for rule in rules:
        if (day := fitted_until(rule)) is not None:
            raise ConfigError(
                f"a setting of {name} was fitted on days up to {day:%Y-%m-%d}: it may not be played on earlier ones. "
                "Give rules that were not fitted."
            )


def _splits(count: int, blocks: int, tested: int, purge: int, embargo: int) -> tuple[list[Rows], Rows, Rows]:
    """Splits of `count` days: training rows by split, the number of the split (blocks, P), and ends of blocks."""
    for what, value, least in (
        ("blocks", blocks, 3),
        ("tested", tested, 2),
        ("purge", purge, 0),
        ("embargo", embargo, 0),
    ):
        if not (is_whole(value) and value >= least):
            refuse(f"{what} is", value, f"give a whole number of {least} or more.")
    if tested >= blocks or comb(blocks, tested) > MOST_SPLITS:
        raise ConfigError(
            f"{tested} tested of {blocks} blocks make {comb(blocks, tested):,} splits: test fewer blocks than there "
            f"are, in at most {MOST_SPLITS:,} splits."
        )
    length = count // blocks
    if purge + embargo >= length - 1:
        raise ConfigError(
            f"a purge of {purge} and an embargo of {embargo} sessions leave nothing of a block of {length}: give fewer "
            "blocks, or shorter ones of these."
        )
    from skfolio.model_selection import CombinatorialPurgedCV  # takes two seconds to import

    found = CombinatorialPurgedCV(blocks, tested, purged_size=purge, embargo_size=embargo)
    trained = [np.asarray(rows) for rows, _ in found.split(np.empty((count, 1)))]
    ends = np.append(np.arange(1, blocks) * length, count)
    return trained, np.asarray(found.recombined_paths), ends


def _played(portfolio: Portfolio, history: Setup, rules: list[Rule], first: int, stop: int) -> tuple[Array, Array]:
    """Daily terms of J and net returns (settings, days) of one block, market rows `first` to `stop`, that excluded."""
    market = history.market.until(history.market.dates[stop - 1])
    costs = history.costs.until(stop)
    benchmark = benchmark_of(portfolio, market)
    paths: dict[Allocation, TargetPath] = {}
    daily, net = [], []
    for rule in rules:
        held = history.held(rule)
        if held not in paths:
            paths[held] = target_path(held, market, start=first - 1)
        one = backtest(
            market,
            rule,
            costs,
            start=market.dates[first],
            nav=history.nav,
            lag=history.lag,
            targets=paths[held],
            periods_per_year=history.periods_per_year,
        )
        daily.append(losses(one, benchmark))
        net.append(one.net_returns)
    return np.array(daily), np.array(net)


def _settings(rule: Rule, origin: Origin | None) -> str:
    """The settings of a candidate in words: its place on its grid, or its long name."""
    if origin is None:
        return long_name(rule)
    return ", ".join(f"{key}={value}" for key, value in origin[1].items() if key != "allocation")
