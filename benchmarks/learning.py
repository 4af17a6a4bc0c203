"""How far from the known optimum a learner ends, and in how many seconds: five seeds each, in worlds none of them saw.

The worked market of the laboratory: two lines and cash, weekly decisions at the close that is seen, 10 bp a side. Each
seed learns from forty thousand weeks of another draw; its box and the optimal region are played on the same paths, of
which three years go before the ten that count.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from backtests.laboratory import Laboratory, estimate, play
from backtests.optimality import WARM_UP, WEEKS, WORKED
from benchmarks.timing import keep, machine, show, versions
from research.allocation import FixedWeights
from research.learning import Learned
from research.learning.lesson import Lesson
from research.learning.rollouts import Answer, answer_of, closed_form, gauge
from research.learning.state import LOOKBACK
from research.learning.training_days import History, TrainingDays, training_days
from research.learning.worlds import Worlds
from research.market import Market, instruments_table
from research.market.market import Array
from research.rules import OptimalRegion

PATHS, TRAINED_ON, SEED, LEARNED_FROM = 1_000, 40_000, 7, 77
SEEDS, STEPS = (1, 2, 3, 4, 5), 1_500_000
AIMS = {"gradient": (0.005, 20.0), "ppo": (0.02, 30.0)}  # above the optimum, seconds
TARGET = FixedWeights(WORKED.target)


def market(laboratory: Laboratory) -> Market:
    """Weeks of the laboratory's law, of a seed of their own, as days of a calendar without holidays."""
    returns = laboratory.model.returns(1, TRAINED_ON, LEARNED_FROM)[0]
    days = np.arange(np.datetime64("1901-01-04"), np.datetime64("2100-01-01"))
    days, names, shape = days[np.is_busday(days)][:TRAINED_ON], ("A", "B"), returns.shape
    return Market(
        pd.DatetimeIndex(days), names, returns, np.ones(shape, dtype=bool), np.zeros(TRAINED_ON),
        instruments_table(names), np.full(shape, np.nan), calendar="24/5", name="weeks",
    )  # fmt: skip


def losses(laboratory: Laboratory, days: TrainingDays, answer: Answer) -> Array:
    """(W,) J of an answer on each path of the laboratory, bp of NAV a year, after the weeks that do not count."""
    returns = laboratory.model.returns(laboratory.paths, laboratory.days, laboratory.seed)
    before = days.history.returns[:LOOKBACK]  # what is seen at the opening, and forgotten by the time that counts
    rows = np.concatenate([before, returns.reshape(-1, returns.shape[-1])])
    drawn = np.empty((laboratory.paths, LOOKBACK + laboratory.days), dtype=np.int64)
    drawn[:, :LOOKBACK] = np.arange(LOOKBACK)
    drawn[:, LOOKBACK:] = LOOKBACK + np.arange(returns.shape[0] * returns.shape[1]).reshape(returns.shape[:2])
    theirs = replace(days, history=History(rows, np.zeros(len(rows)), np.ones(rows.shape, dtype=bool)))
    worlds = Worlds(theirs, np.zeros(laboratory.paths, dtype=np.int64), laboratory.days, SEED)
    worlds.open_on(worlds.everyone, drawn)
    terms = np.array([worlds.act(answer(worlds.features(worlds.everyone))) for _ in range(laboratory.days)])
    return terms[WARM_UP * WEEKS :].mean(axis=0) * WEEKS * 1e4


def teacher(by: str) -> Callable[[TrainingDays, Learned, int, Callable[[int], None]], Lesson]:
    """What learns one seed."""
    if by == "gradient":
        from research.learning.gradient import learn
    else:
        from research.learning.ppo import learn
    return learn


def main() -> None:
    """Learned, judged, shown."""
    print(f"{machine()}; {versions('numpy', 'torch', 'stable-baselines3')}")
    laboratory = WORKED.laboratory(PATHS, SEED)
    best = play(laboratory, OptimalRegion(TARGET, WORKED.region())).J
    weeks, rows, kept = market(laboratory), [], {}
    for by, (most, seconds) in AIMS.items():
        spec = Learned(TARGET, steps=STEPS, seeds=SEEDS, every="day", block=1, by=by)  # type: ignore[arg-type]
        days = training_days(spec, weeks, laboratory.costs, WORKED.g, WEEKS, lag=0)
        standard, _ = gauge(days, spec)
        if not rows:
            rows.append(_row("closed form's boxes", losses(laboratory, days, closed_form(days)), best, 0.0))
        gaps, took = [], []
        for seed in SEEDS:
            before = time.process_time()
            lesson = teacher(by)(days, spec, seed, lambda steps: None)
            took.append(time.process_time() - before)
            found = losses(laboratory, days, answer_of(lesson.net, standard))
            gaps.append(float(found.mean() / best.mean() - 1.0))
            rows.append(_row(f"{by}, seed {seed}", found, best, took[-1]))
        middle, wait = float(np.median(gaps)), float(np.median(took))
        word = "" if middle <= most and wait <= seconds else "short"
        rows.append((f"{by}, median", "", f"{middle:+.2%} (aim {most:.1%})", f"{wait:.1f} (aim {seconds:.0f}) {word}"))
        kept[by] = {"gaps": gaps, "seconds": took}
    show(
        f"Above an optimum of {best.mean():.4f} bp a year",
        ("", "J", "above the optimum", "seconds"),
        rows,
        [f"{PATHS:,} paths of ten years; brackets: 95 % of the paired difference; processor seconds, one thread"],
    )
    keep("learning", {"versions": versions("numpy", "torch", "stable-baselines3"), "optimum": best.mean(), **kept})


def _row(name: str, found: Array, best: Array, seconds: float) -> tuple[str, str, str, str]:
    gap = estimate(found - best)
    low, high = (x / best.mean() for x in (gap.lower, gap.upper))
    return name, f"{found.mean():.4f}", f"{gap.mean / best.mean():+.2%} [{low:+.2%}, {high:+.2%}]", f"{seconds:.1f}"


if __name__ == "__main__":
    main()
