"""How far from the known optimum a learner ends, and in how many seconds: five seeds each, on paths none of them saw.

The worked market of the laboratory: two assets and cash, weekly decisions at the close that is seen, 10 bp a side; and
the same with a fee of 1 bp for every event.
"""

from dataclasses import replace

import numpy as np

from backtests.laboratory.learned.known_optimum import KnownOptimum, gaps_to_optimum, learners, learners_with_fee
from backtests.laboratory.simulated_market import BASE_CASE
from benchmarks.timing import FOLDER, keep, machine, show, versions
from research.allocation import FixedWeights

SEEDS, TARGET = (1, 2, 3, 4, 5), FixedWeights(BASE_CASE.target)
PLAIN, WITH_FEE = KnownOptimum(BASE_CASE), KnownOptimum(replace(BASE_CASE, ticket=1e-4))
AIMS = {  # gap and seconds of the median seed
    ("plain", "gradient, bands"): (0.005, 20.0),
    ("plain", "ppo, bands"): (0.02, 30.0),
    ("fee", "ppo, hold or trade"): (0.05, 30.0),
    ("fee", "ppo, gate"): (0.025, 60.0),
}
DIGITS = {"loss": 4, "gap": 4, "lower": 4, "upper": 4, "seconds": 1}


def main() -> None:
    """Learned, judged, shown."""
    print(f"{machine()}; {versions('numpy', 'torch', 'stable-baselines3')}")
    rows, kept = [], {}
    for market, known, specs in (
        ("plain", PLAIN, learners(TARGET, SEEDS)),
        ("fee", WITH_FEE, learners_with_fee(TARGET, SEEDS)),
    ):
        table = gaps_to_optimum(known, specs)
        FOLDER.mkdir(parents=True, exist_ok=True)
        table.round(DIGITS).to_csv(FOLDER / f"{market}.csv", index=False)
        for name, seeds in table.groupby("learner", sort=False):
            for one in seeds.to_dict("records"):
                gap = f"{one['gap']:+.2%} [{one['lower']:+.2%}, {one['upper']:+.2%}]"
                rows.append(
                    (f"{market}: {name}, seed {one['seed']}", f"{one['loss']:.4f}", gap, f"{one['seconds']:.1f}")
                )
            gap, seconds = float(seeds["gap"].median()), float(seeds["seconds"].median())
            most, wait = AIMS.get((market, str(name)), (np.inf, np.inf))
            aim, until = (f" (aim {most:.1%})", f" (aim {wait:.0f})") if np.isfinite(most) else ("", "")
            word = " short" if gap > most or seconds > wait else ""
            rows.append((f"{market}: {name}, median", "", f"{gap:+.2%}{aim}", f"{seconds:.1f}{until}{word}"))
            kept[f"{market}, {name}"] = {"gaps": seeds["gap"].tolist(), "seconds": seeds["seconds"].tolist()}
    show(
        f"Above optima of {PLAIN.best.mean():.4f} and, with the fee, {WITH_FEE.best.mean():.4f} bp a year",
        ("", "loss", "above the optimum", "seconds"),
        rows,
        [
            f"{PLAIN.paths:,} paths of ten years; brackets: 95 % of the paired gap; processor seconds, one thread",
            "as tables: plain.csv and fee.csv in .cache/benchmarks; those in data/studies/known_optimum came from here",
        ],
    )
    keep("learning", {"versions": versions("numpy", "torch", "stable-baselines3"), **kept})


if __name__ == "__main__":
    main()
