"""Only backtests of the same market, days and periods a year are compared day by day."""

from backtests.engine.result import Backtest
from foundation.errors import ConfigError
from foundation.paper.wording import listed
from research.market import Market


def refuse_unlike(name: str, played: Backtest, reference: str, base: Backtest) -> None:
    """Raise ConfigError unless two backtests are of the same market, days and periods a year.

    name      : name of the first backtest.
    played    : the first backtest.
    reference : name of the second backtest.
    base      : the second backtest.
    """
    if differs := _unlike_markets(played.market, base.market):
        last = min(played.market.dates[-1], base.market.dates[-1])
        mend = (
            "play both policies on the same one."
            if played.market.dates[-1] == base.market.dates[-1]
            else f'play both policies on the days that both have, such as market.until("{last:%Y-%m-%d}").'
        )
        raise ConfigError(
            f"backtests {reference!r} and {name!r} are of different markets: {differs}. Only backtests of one market "
            f"are compared day by day, and none is cut here: {mend}"
        )
    if played.first != base.first:
        raise ConfigError(
            f"backtests {reference!r} and {name!r} have different days: their tests begin on {base.dates[1]:%Y-%m-%d} "
            f"and {played.dates[1]:%Y-%m-%d}. Play both with the same start, such as "
            f'backtest(…, start="{max(base.dates[1], played.dates[1]):%Y-%m-%d}").'
        )
    if played.periods_per_year != base.periods_per_year:
        raise ConfigError(
            f"backtests {reference!r} and {name!r} have different periods_per_year, {base.periods_per_year:g} and "
            f"{played.periods_per_year:g}. Play both with the same."
        )


def _unlike_markets(one: Market, other: Market) -> str:
    """The differences between two markets, in words; "" where there are none."""
    if one is other or one.fingerprint == other.fingerprint:
        return ""
    if one.assets != other.assets:
        only = sorted(set(one.assets) ^ set(other.assets)) or ["the same in another order"]
        return f"their assets differ ({listed(only, most=6)})"
    if not one.dates.equals(other.dates):
        spans = " and ".join(f"{m.dates[0]:%Y-%m-%d} to {m.dates[-1]:%Y-%m-%d}" for m in (other, one))
        return f"their dates are {spans}, {len(other.dates):,} and {len(one.dates):,} sessions"
    return f"their data have the fingerprints {other.fingerprint[:8]} and {one.fingerprint[:8]}"
