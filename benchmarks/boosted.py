"""Boosted trees fitted anew each year on twenty stocks, and one fit of them against what libraries do by default.

A refit is `Boosted().fit(past)`: samples, five folds, their skill, and trees of all samples. The features of the whole
past are found once, within the first. The others fit the same matrix of the last year: LightGBM's own call with 500
trees and default settings, and scikit-learn's HistGradientBoostingRegressor by default. All run on one thread. Before a
clock starts, our trees are compared with those of LightGBM's own call with the same settings.
"""

import time
from collections.abc import Callable

import numpy as np

from benchmarks.timing import keep, machine, show, take_turns, versions
from research.forecast import Boosted
from research.forecast.boosted.features import _block, samples
from research.forecast.boosted.libraries import BOOSTING_LIBRARIES, lightgbm_parameters, predicted
from research.forecast.model import fit_rows
from research.market.market import Market
from research.market.reading.embedded import load_market

REFITS, ROUNDS, TREES, AIM = 18, 5, 500, 2.0  # aim: seconds of all refits
OURS, DEFAULT, SKLEARN = "ours: Boosted()", f"LightGBM, {TREES} trees by default", "HistGradientBoostingRegressor"


def yearly(market: Market, model: Boosted) -> float:
    """Processor seconds of the last yearly refits, the features of the past included."""
    last = market.past(len(market.dates) - 1)
    rows = fit_rows(model.window, "year", last)[-REFITS:]
    _block.cache_clear()
    before = time.process_time()
    for row in rows:
        model.fit(market.past(int(row)))
    return time.process_time() - before


def contestants(market: Market) -> dict[str, Callable[[], object]]:
    """Everyone, ready to fit the samples of the whole history."""
    import lightgbm
    from sklearn.ensemble import HistGradientBoostingRegressor

    past, model = market.past(len(market.dates) - 1), Boosted()
    known = samples(past, model.step, model.horizon)
    settings = {"num_threads": 1, "verbosity": -1}

    def default() -> object:
        return lightgbm.train(settings, lightgbm.Dataset(known.features, known.excess), TREES)

    def sklearn() -> object:
        return HistGradientBoostingRegressor().fit(known.features, known.excess)

    return {OURS: lambda: model.fit(past), DEFAULT: default, SKLEARN: sklearn}


def agreement(market: Market) -> float:
    """The largest difference of our trees' forecasts from those of LightGBM's own call; raises where there is one."""
    import lightgbm

    past, model = market.past(len(market.dates) - 1), Boosted()
    fitted, known = model.fit(past), samples(past, model.step, model.horizon)
    x = known.features[:, [known.names.index(name) for name in fitted.features]]
    settings = lightgbm_parameters(model.growth(fitted.features))
    native = lightgbm.train(settings, lightgbm.Dataset(x, known.excess), fitted.trees)
    apart = float(np.abs(native.predict(x) - predicted("lightgbm", fitted.differences.text, x)).max())
    if apart > 0.0:
        raise AssertionError(f"trees differ from those of LightGBM by {apart}")
    return apart


def main() -> None:
    """Compare, measure in turns, print, and keep."""
    market = load_market("sp500_20")
    apart = agreement(market)
    seconds = {
        library: float(np.median([yearly(market, Boosted(library)) for _ in range(ROUNDS)]))
        for library in BOOSTING_LIBRARIES
    }
    times = take_turns(contestants(market), ROUNDS)
    packages = versions("lightgbm", "xgboost-cpu", "scikit-learn")
    print(f"{machine()}; {packages}")
    show(
        f"{REFITS} yearly refits on {len(market.assets)} stocks, features included: seconds",
        ("", "seconds", "aim"),
        [(library, f"{value:.2f}", f"{AIM:.0f}") for library, value in seconds.items()],
        [f"processor time; medians of {ROUNDS}"],
    )
    ratios = {name: times.ratio(name, OURS) for name in (DEFAULT, SKLEARN)}
    show(
        "One fit of the whole history: ms, and times ours",
        ("", "ms", "times ours"),
        [(name, f"{1e3 * times.median(name):.0f}", f"{ratios.get(name, 1.0):.1f}") for name in times.seconds],
        [f"processor time; medians of {ROUNDS} rounds in which all take turns"],
    )
    keep(
        "boosted",
        {
            "versions": packages,
            "refits_seconds": seconds,
            "aim_seconds": AIM,
            "fit_ms": {name: 1e3 * times.median(name) for name in times.seconds},
            "times_ours": ratios,
            "largest_difference_from_lightgbm": apart,
        },
    )


if __name__ == "__main__":
    main()
