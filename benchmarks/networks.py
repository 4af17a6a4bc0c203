"""Networks on twenty stocks: seconds of an epoch, and what a walk of yearly fits foresaw, net of nothing.

Each network is fitted at the end of a year to all days before, and forecasts the next year week by week, four weeks
ahead. Its skill is held against zero, against the mean of all past months, and its quantiles against DLinear's; its
intervals of the first week are shown as they are and adapted by adaptive conformal inference.
"""

import time

import numpy as np
import pandas as pd
import torch

from backtests.inference.forecast_skill import diebold_mariano, direction, out_of_sample_r2, rank_ic, rmse_ratio
from benchmarks.timing import FOLDER, keep, machine, show, versions
from foundation.arrays import Array, Rows
from research.forecast.conformal import adaptive_intervals, coverage_table
from research.forecast.neural import Network
from research.forecast.neural.fitted import FittedNetwork
from research.forecast.predicted import returns_after
from research.market import Market, load_market

KINDS = ("dlinear", "nhits", "tft")
YEARS = tuple(range(2017, 2023))
AIM = 12.0  # seconds of an epoch of the transformer on twenty weekly series of fifteen years
FIFTEEN = 15 * 252
MISS, ENDS = 0.2, (0.1, 0.9)


def main() -> None:
    """Timed, walked, shown."""
    print(f"{machine()}; {versions('torch', 'pytorch-forecasting')}")
    market = load_market("sp500_20")
    epochs = epoch_seconds(market)
    show(
        f"Processor seconds of an epoch, twenty weekly series of fifteen years (aim {AIM:.0f})",
        ("", "seconds", "weights", "seconds of a forecast"),
        [
            (kind, f"{one['epoch']:.1f}", f"{one['weights']:,.0f}", f"{one['forecast']:.3f}")
            for kind, one in epochs.items()
        ],
    )
    rows = weeks(market)
    outcome, week = (returns_after(market.past(len(market.dates) - 1), rows, days) for days in (20, 5))
    walked = {kind: walk(market, kind, rows) for kind in KINDS}
    past_mean = 20.0 * np.array([market.returns[1 : row + 1].mean(axis=0) for row in rows])
    losses = {kind: losses_of(quantiles, week) for kind, (_, quantiles) in walked.items()}
    table, kept = [], {}
    for kind, (mean, quantiles) in walked.items():
        found = {
            "rank IC": rank_ic(mean, outcome, 4), "hits beyond chance": direction(mean, outcome, 4),
            "R² over zero": out_of_sample_r2(mean, outcome, np.zeros_like(mean), 4),
            "R² over the mean": out_of_sample_r2(mean, outcome, past_mean, 4),
            "RMSE over zero's": rmse_ratio(mean, outcome, np.zeros_like(mean), 4),
        }  # fmt: skip
        if kind != KINDS[0]:
            found["pinball less DLinear's, % of it"] = diebold_mariano(losses[kind], losses[KINDS[0]]).times(
                100.0 / float(np.nanmean(losses[KINDS[0]]))
            )
        table += [(f"{kind}: {name}", one.text(4), f"{one.p:.2f}") for name, one in found.items()]
        kept[kind] = {name: [one.value, one.lower, one.upper, one.p] for name, one in found.items()}
        kept[kind] |= {"coverage": coverage(quantiles, week, market, rows)}
    show(f"Walk of {len(YEARS)} yearly fits, {len(rows)} weeks, four weeks ahead", ("", "95 %", "p"), table)
    for kind in KINDS:
        show(
            f"Coverage of 80 % intervals of the next week, {kind}",
            ("year", "as forecast", "adapted"),
            kept[kind]["coverage"],
        )
    keep("networks", {"versions": versions("torch", "pytorch-forecasting"), "epochs": epochs, **kept})


def epoch_seconds(market: Market) -> dict[str, dict[str, float]]:
    """Processor seconds of an epoch, with its judgement, and of a forecast; and the number of weights."""
    past, found = market.past(FIFTEEN), {}
    Network(architecture="tft", epochs=1, device="cpu").fit(market.past(6 * 252))  # imports are not timed
    for kind in KINDS:
        spent = []
        for epochs in (1, 3):
            before = time.process_time()
            fitted = Network(architecture=kind, epochs=epochs, patience=epochs, device="cpu").fit(past)
            spent.append(time.process_time() - before)
        before = time.process_time()
        fitted.predict(past)
        asked = time.process_time() - before
        found[kind] = {"epoch": (spent[1] - spent[0]) / 2.0, "weights": fitted.parameters, "forecast": asked}
    return found


def weeks(market: Market) -> Rows:
    """Rows on which forecasts are made: every fifth session of the years."""
    years = market.dates.year.to_numpy()
    return np.flatnonzero((years >= YEARS[0]) & (years <= YEARS[-1]))[::5]


def walk(market: Market, kind: str, rows: Rows) -> tuple[Array, Array]:
    """Means over four weeks (D, n), and quantiles of the next week's simple return (D, n, levels)."""
    settings = Network(architecture=kind, device="cpu")  # type: ignore[arg-type]
    means = np.full((len(rows), len(market.assets)), np.nan)
    quantiles = np.full((*means.shape, len(settings.levels)), np.nan)
    fits: dict[int, FittedNetwork] = {}
    for d, row in enumerate(rows.tolist()):
        year = market.dates[row].year
        if year not in fits:
            fits[year] = settings.fit(market.past(market.row(f"{year - 1}-12-31")), FOLDER / "networks")
        past = market.past(row)
        found = fits[year].predict(past)
        columns = [market.assets.index(name) for name in found.assets]
        means[d, columns] = found.mean
        table = fits[year].quantiles(past).xs(1, level="step").loc[list(found.assets)]
        quantiles[d, columns] = table.to_numpy()
    return means, quantiles


def losses_of(quantiles: Array, outcome: Array) -> Array:
    """(D, n) mean pinball loss over the levels (Koenker and Bassett 1978)."""
    over, levels = outcome[..., None] - quantiles, np.array(Network().levels)
    return (over * (levels - (over < 0.0))).mean(axis=-1)


def coverage(quantiles: Array, outcome: Array, market: Market, rows: Rows) -> list[tuple[str, str, str]]:
    """Year, coverage as forecast and as adapted."""
    lower, upper = (quantiles[..., Network().levels.index(end)] for end in ENDS)
    made = adaptive_intervals(lower, upper, outcome, miss=MISS)
    years = pd.Series(market.dates[rows].year, name="year")
    raw, adapted = (
        coverage_table(*ends, outcome, years)["coverage"] for ends in ((lower, upper), (made.lower, made.upper))
    )
    return [(str(year), f"{raw[year]:.3f}", f"{adapted[year]:.3f}") for year in raw.index]


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
