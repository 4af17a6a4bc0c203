"""Contents of the trial book: searches of each portfolio, and what they leave of its best result."""

import math

import numpy as np

from backtests.inference.selection import Moments, expected_maximum, probabilistic_sharpe
from backtests.runs.trial_book import TRIAL_KINDS, TrialBook, book_folder, read_book
from foundation.errors import ConfigError
from foundation.paper.text_tables import wrapped
from foundation.paper.wording import counted, listed, number


def trials_text(portfolio: str = "") -> str:
    """The book in words: a block a search, which is what was tried on the same assets in days that overlap.

    portfolio : name of a portfolio's file or of a setup; "" takes all.
    Raises    : ConfigError for a portfolio of which there is no trial; DataError for a damaged book.
    """
    book, folder = read_book(), book_folder()
    if not len(book.trials):
        return f"The trial book is empty: {folder}. What is backtested, swept, tuned or compared is written into it."
    names = list(dict.fromkeys(book.trials["portfolio"]))
    if portfolio and portfolio not in names:
        raise ConfigError(f"the trial book has no trial of {portfolio!r}: it has {listed(names, most=12)}.")
    blocks = [_block(one) for one in book.searches if not portfolio or (one.trials["portfolio"] == portfolio).any()]
    return "\n\n".join(
        [*blocks, wrapped(f"Ratios are of active returns, net of costs over the strategic target. {folder}")]
    )


def _block(book: TrialBook) -> str:
    """The trials of one search, as text."""
    return "\n".join(map(wrapped, search_words(book)))


def search_words(book: TrialBook) -> list[str]:
    """Sentences on the trials of one search."""
    trials = book.trials
    names, assets = listed(list(dict.fromkeys(trials["portfolio"])), most=6), trials["assets"].iloc[0].split(", ")
    kinds = [f"{kind} {n:,}" for kind in TRIAL_KINDS if (n := int((trials["kind"] == kind).sum()))]
    since = f"{trials['written'].iloc[0][:10]} to {trials['written'].iloc[-1][:10]}"
    lines = [
        f"{names}: {counted(len(trials), 'trial')} ({', '.join(kinds)}), {since}.",
        f"Assets: {listed(assets, most=6)}. Days: {trials['first'].astype(str).min()} to "
        f"{trials['last'].astype(str).max()}.",
        f"Effective number: {_effective(book)}",
    ]
    return [*lines, *_best(book)]


def _effective(book: TrialBook) -> str:
    """The effective number of trials, and how it was found."""
    alone, effective = book.configurations - book.clustered, book.effective
    if not book.clustered:
        return f"{effective:,}, the count of different configurations: the returns of none are known."
    together = f"clusters of {counted(book.clustered, 'configuration')} whose returns were correlated"
    return f"{effective:,}: {together}{f', and {alone:,} that were not' if alone else ''}."


def _best(book: TrialBook) -> list[str]:
    """The best trial, what the best of so many worthless ones reaches, and what that leaves of it."""
    trials = book.trials[np.isfinite(book.trials["sharpe"].to_numpy(dtype=float))]
    if not len(trials):
        return ["No active Sharpe ratio is known."]
    best = trials.iloc[int(np.argmax(trials["sharpe"].to_numpy(dtype=float)))]
    year, days = float(best["periods_per_year"]), int(best["days"])
    when = f"{best['first']} to {best['last']}, {counted(days, 'day')}"
    lines = [f"Best active Sharpe ratio: {number(best['sharpe'])} a year ({best['kind']}, {when}): {best['policy']}."]
    variance, effective = book.luck(days), book.effective
    if variance is None or effective < 2:
        return [*lines, "Deflated Sharpe ratio: not available, since nothing was chosen among several trials."]
    noise = math.sqrt(variance) * expected_maximum(effective)
    known = bool(np.isfinite(best["skewness"]))
    moments = Moments(
        float(best["sharpe"]) / math.sqrt(year),
        days,
        float(best["skewness"]) if known else 0.0,
        float(best["kurtosis"]) if known else 3.0,
        float(best["dependence"]) if np.isfinite(best["dependence"]) else 1.0,
    )
    assumed = "" if known else " (moments of a normal series: only its figures are known)"
    return [
        *lines,
        f"The best of {effective:,} worthless trials would be expected to reach {number(noise * math.sqrt(year))}.",
        "Deflated Sharpe ratio, the probability that the best one is above zero: "
        f"{number(probabilistic_sharpe(moments, noise), 3)}{assumed}.",
    ]
