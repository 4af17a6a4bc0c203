"""How fast worlds are: accounting steps a second, and the batch beside stable-baselines3's own way to hold many worlds.

An accounting step is a day of a world: lines and cash earn, what is due is booked at its costs, and the terms of J are
added; it is measured on twenty real stocks, with weekly decisions. The batch is that of the worked market of the
laboratory, two lines and a week a decision, as learners are judged in it. Processor seconds of one thread.
"""

import time
from collections.abc import Callable

import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from benchmarks.learning import PLAIN, TARGET
from benchmarks.timing import keep, machine, show, versions
from research.accounting import Costs
from research.allocation import EqualWeights
from research.learning import Learned
from research.learning.environment import RebalancingEnv, RebalancingWorlds
from research.learning.learners.reinforcement import model_of
from research.learning.learners.threads import one_thread
from research.learning.rollouts import gauge
from research.learning.training_days import TrainingDays, training_days
from research.learning.worlds import Worlds
from research.market import load_market

LAST_DAY, G, YEAR, EPISODE = "2017-12-29", 5.0, 252, 156
COUNTS, SECONDS, AIM = (64, 256, 1024), 1.0, 10.0  # worlds, of each measurement, million accounting steps a second
AIMS = {256: 60.0, 1024: 100.0, "ppo": 5.0}  # times DummyVecEnv
WIDTHS = {"closed form's boxes": 0.0, "boxes 8 times as wide": 1.0, "boxes an eighth as wide": -1.0}


def twenty() -> TrainingDays:
    """Equal weights of twenty stocks up to the last full year of the one that left."""
    market = load_market("stocks_with_exit").until(LAST_DAY)
    costs = Costs.bps(len(market.assets), commission=5, half_spread=5)
    return training_days(Learned(EqualWeights()), market, costs, G, YEAR)


def rate(act: Callable[[], None], each: int) -> float:
    """Million things a second, of which one call does `each`; after a call that compiles."""
    act()
    calls, begun = 0, time.process_time()
    while (took := time.process_time() - begun) < SECONDS:
        act()
        calls += 1
    return each * calls / took / 1e6


def steps(days: TrainingDays, count: int, width: float) -> tuple[float, float]:
    """Million accounting steps a second, and the share of decisions that trade."""
    worlds, numbers = Worlds(days, days.kinds(count), 40, seed=1), np.full((count, len(days.market.assets)), width)
    asked, traded = numbers.astype(np.float32), []

    def act() -> None:
        if worlds.state.today[0] + days.sessions >= worlds.state.drawn.shape[1]:
            worlds.open_on(worlds.everyone, worlds.state.drawn.copy())
        worlds.act(asked)
        traded.append(float((worlds.state.age < days.sessions).mean()))

    return rate(act, count * days.sessions), float(np.mean(traded))


def decisions(env: VecEnv) -> float:
    """Million decisions a second of an environment, drawn by chance."""
    rng, shape = np.random.default_rng(0), (env.num_envs, *env.action_space.shape)
    drawn = rng.uniform(-1.0, 1.0, shape).astype(np.float32)
    env.reset()
    return rate(lambda: env.step(drawn) and None, env.num_envs)


def learned(model: PPO) -> float:
    """Thousand decisions a second, updates included."""
    each = model.n_steps * model.n_envs
    return 1e3 * rate(lambda: model.learn(each, reset_num_timesteps=False) and None, each)


def main() -> None:
    """Measured, shown, kept."""
    print(f"{machine()}; {versions('numpy', 'numba', 'torch', 'stable-baselines3')}")
    days, rows, kept = twenty(), [], {}
    for name, width in WIDTHS.items():
        for count in COUNTS:
            million, traded = steps(days, count, width)
            word = "short" if million < AIM else ""
            rows.append((f"{count} worlds, {name}", f"{million:.1f} (aim {AIM:.0f})", f"{traded:.0%}", word))
            kept[f"{name}, {count}"] = {"million_steps": million, "traded": traded}
    show("Accounting steps, 20 stocks", ("", "million a second", "of weeks trade", ""), rows, [])

    spec, rows = Learned(TARGET, every="day", block=1), []
    days = PLAIN.days(spec)
    standard, scale = gauge(days, spec)
    for count in COUNTS[1:]:
        one = DummyVecEnv([lambda: RebalancingEnv(days, standard, scale, episode=EPISODE)] * count)
        ours = decisions(RebalancingWorlds(days, standard, scale, worlds=count, episode=EPISODE, seed=1))
        theirs = decisions(one)
        word = "short" if ours / theirs < AIMS[count] else ""
        shown = (f"{1e3 * ours:.0f}", f"{1e3 * theirs:.2f}", f"{ours / theirs:.0f} (aim {AIMS[count]:.0f}) {word}")
        rows.append((f"{count} worlds", *shown))
        kept[f"batch, {count}"] = {"ours": ours, "dummy": theirs}
    with one_thread():
        model, _ = model_of(days, spec, seed=1)
        ours = learned(model)
        model.set_env(DummyVecEnv([lambda: RebalancingEnv(days, standard, scale, episode=EPISODE)] * spec.ppo.worlds))
        theirs = learned(model)
    word = "short" if ours / theirs < AIMS["ppo"] else ""
    rows.append(
        ("PPO, updates included", f"{ours:.0f}", f"{theirs:.2f}", f"{ours / theirs:.0f} (aim {AIMS['ppo']:.0f}) {word}")
    )
    kept["ppo"] = {"ours": ours / 1e3, "dummy": theirs / 1e3}
    show("Decisions", ("", "thousand a second", "DummyVecEnv", "times"), rows, ["actions by chance; PPO as it is set"])
    keep("environment", {"versions": versions("numpy", "numba", "stable-baselines3"), **kept})


if __name__ == "__main__":
    main()
