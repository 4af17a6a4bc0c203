"""How fast worlds are: accounting steps a second, and the batch beside stable-baselines3's own way to hold many worlds.

An accounting step is a day of a world: assets and cash earn, what is due is booked at its costs, and the terms of J are
added; it is measured on twenty real stocks, with weekly decisions. The batch is that of the worked market of the
laboratory, two assets and a week a decision, as learners are judged in it. Processor seconds of one thread.
"""

import time
from collections.abc import Callable

import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from benchmarks.learning import PLAIN, TARGET
from benchmarks.timing import keep, machine, show, take_turns, versions
from foundation.threads import one_thread
from research.accounting import Costs
from research.allocation import EqualWeights
from research.learning import Learned
from research.learning.learners.reinforcement import model_in_paths
from research.learning.worlds.environment import RebalancingEnv, RebalancingWorlds
from research.learning.worlds.rollouts import measure_scaling
from research.learning.worlds.training_days import TrainingDays, training_days
from research.learning.worlds.worlds import Worlds
from research.market import load_market

LAST_DAY, TRACKING_PENALTY, YEAR, EPISODE = "2017-12-29", 5.0, 252, 156
COUNTS, SECONDS, AIM = (64, 256, 1024), 1.0, 10.0  # worlds, of each measurement, million accounting steps a second
AIMS = {"256 worlds": 60.0, "1024 worlds": 100.0, "PPO, updates included": 5.0}  # times DummyVecEnv
ROUNDS = 15  # in which both take turns
WIDTHS = {"closed form's boxes": 0.0, "boxes 8 times as wide": 1.0, "boxes an eighth as wide": -1.0}


def twenty() -> TrainingDays:
    """Equal weights of twenty stocks up to the last full year of the one that left."""
    market = load_market("stocks_with_exit").until(LAST_DAY)
    costs = Costs.bps(len(market.assets), commission=5, half_spread=5)
    return training_days(Learned(EqualWeights()), market, costs, TRACKING_PENALTY, YEAR)


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


def decides(env: VecEnv) -> Callable[[], object]:
    """A decision of each world of an environment, drawn by chance."""
    rng, shape = np.random.default_rng(0), (env.num_envs, *env.action_space.shape)
    drawn = rng.uniform(-1.0, 1.0, shape).astype(np.float32)
    env.reset()
    return lambda: env.step(drawn)


def learns(model: PPO) -> Callable[[], object]:
    """A rollout and its updates."""
    return lambda: model.learn(model.n_steps * model.n_envs, reset_num_timesteps=False)


def beside(ours: Callable[[], object], theirs: Callable[[], object], each: int, rounds: int) -> dict[str, float]:
    """Thousand decisions a second of ours and theirs, of which a call takes `each`; and the ratio."""
    times = take_turns({"ours": ours, "dummy": theirs}, rounds)
    return {name: each / times.median(name) / 1e3 for name in ("ours", "dummy")} | {
        "times": times.ratio("dummy", "ours")
    }


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

    spec, rows = Learned(TARGET, schedule="day", block=1), []
    days = PLAIN.days(spec)
    standard, scale = measure_scaling(days, spec)

    def dummy(count: int) -> DummyVecEnv:
        return DummyVecEnv([lambda: RebalancingEnv(days, standard, scale, episode=EPISODE)] * count)

    with one_thread():
        for count in COUNTS[1:]:
            batch = RebalancingWorlds(days, standard, scale, worlds=count, episode=EPISODE, seed=1)
            kept[f"{count} worlds"] = beside(decides(batch), decides(dummy(count)), count, ROUNDS)
        (model, _), (slow, _) = (model_in_paths(days, spec, seed=1) for _ in range(2))
        slow.set_env(dummy(spec.ppo.worlds))
        kept["PPO, updates included"] = beside(learns(model), learns(slow), spec.ppo.update, ROUNDS // 3)
    for name, aim in AIMS.items():
        one = kept[name]
        word = "short" if one["times"] < aim else ""
        rows.append((name, f"{one['ours']:.0f}", f"{one['dummy']:.2f}", f"{one['times']:.1f} (aim {aim:.0f}) {word}"))
    show(
        "Decisions", ("", "thousand a second", "DummyVecEnv", "times"), rows,
        [f"actions by chance; PPO as it is set; medians of {ROUNDS} rounds, PPO's of {ROUNDS // 3}"],
    )  # fmt: skip
    keep("environment", {"versions": versions("numpy", "numba", "stable-baselines3"), **kept})


if __name__ == "__main__":
    main()
