"""The settings of a new portfolio file: those of a profile, and what the configuration of another module makes of them.

Such a configuration says how to rebalance and names no assets. Each of its keys sets something here, or is named with
the reason why it cannot.
"""

from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any, NoReturn

from foundation.arguments import cut, did_you_mean, is_number, is_whole
from foundation.dataclasses import MISSING, dataclass, fields, replace
from foundation.errors import ConfigError
from research import portfolio  # its ALLOCATIONS are imported when they are asked for
from research.market.reading.known_instruments import STABLE_COINS
from research.portfolio.file.document import Document, read_document
from research.portfolio.file.kinds import ISO_CODE
from research.portfolio.file.strict_yaml import dotted
from research.portfolio.keys.ticket import LIMIT_ORDER, MARKET_ORDER

CALENDARS = {"day": "daily", "week": "weekly", "month": "monthly", "quarter": "quarterly", "year": "yearly"}
FREQUENCIES = {name: schedule for schedule, name in CALENDARS.items()} | {"annual": "year", "annually": "year"}
CALENDAR = "calendar"  # strategy of trading at the end of each period
STRATEGIES = {
    **dict.fromkeys((CALENDAR, "periodic", "constant_mix"), CALENDAR),
    **dict.fromkeys(("buy_and_hold", "never"), "never"),
    **dict.fromkeys(("threshold", "tolerance_band"), "threshold"),
    "threshold_edge": "threshold_edge",
    "tuned": "tuned",
    "no_trade_region": "closed_form",
}  # by the name of a strategy, that of a policy; allocations have names of their own
ORDER_STYLES = {
    "market": MARKET_ORDER,
    "limit": LIMIT_ORDER,
    "market_on_close": "market_on_close",
    "close": "market_on_close",
}
SLICED = {"twap", "vwap"}
USUAL_SLICES = 12  # of an hour
EQUILIBRIUM = ", objective: utility, forecast: {kind: black_litterman, prior: {kind: benchmark}, views: []}"
STRATEGY_NAMES = {
    "mpt": ("mean_variance", ", objective: maximum_sharpe"),
    "modern_portfolio_theory": ("mean_variance", ", objective: maximum_sharpe"),
    "black_litterman": ("mean_variance", EQUILIBRIUM),
}  # of other modules, with the allocation and its settings
LLM_ASSISTED = "llm_assisted"
NEEDS_MORE = ("market_cap", "benchmark_tracking")  # allocations that need a fact or weights that no new file has


@dataclass(frozen=True)
class Settings:
    """The settings of a new portfolio file that are not its assets.

    penalty        : tracking penalty g.
    width          : most that a range extends to either side of its target, fraction of NAV.
    tracking_error : limit, fraction a year.
    max_drawdown   : limit, fraction of NAV.
    minimum_trade  : limit, currency.
    basis          : currency of the portfolio.
    target_cash    : target of cash, fraction of NAV, or None for what the weights leave.
    schedule       : period at whose end the policy in force is asked, "" for its usual one.
    policy         : policy in force, "" for the calendar of `schedule`.
    allocation     : kind of the allocation of the policy in force, "" for the targets of the file.
    terms          : its settings as they are written, "" for its usual ones.
    has_news       : true if news that a language model scores is to tilt it.
    window         : sessions from which allocations estimate, None for their usual ones.
    band           : absolute band of thresholds, fraction of NAV, or None for half of each range.
    volatility     : volatility, fraction a year, to which a further policy scales the targets, or None.
    order_type, collar_bps : terms of orders, "" and None for the usual ones.
    slices         : equal slices in which an order is sent within an hour, 0 for the whole.
    correlation    : mean correlation of the assets held, above which a cycle raises a flag, or None.
    is_stated      : true if somebody chose the profile.
    """

    penalty: float
    width: float
    tracking_error: float
    max_drawdown: float
    minimum_trade: float = 100.0
    basis: str = "USD"
    target_cash: float | None = None
    schedule: str = ""
    policy: str = ""
    allocation: str = ""
    terms: str = ""
    has_news: bool = False
    window: int | None = None
    band: float | None = None
    volatility: float | None = None
    order_type: str = ""
    collar_bps: float | None = None
    slices: int = 0
    correlation: float | None = None
    is_stated: bool = False


PROFILES = {
    "conservative": Settings(penalty=10.0, width=0.03, tracking_error=0.01, max_drawdown=0.15),
    "moderate": Settings(penalty=5.0, width=0.05, tracking_error=0.015, max_drawdown=0.25),
    "aggressive": Settings(penalty=2.0, width=0.1, tracking_error=0.03, max_drawdown=0.4),
}
USUAL_PROFILE = "moderate"
RANGE_STEP = Decimal("1e-4")  # fraction of NAV


def settings_of_profile(profile: str) -> tuple[Settings, str]:
    """The settings of a profile, and a sentence that says them. Raises ConfigError for an unknown one."""
    if profile not in PROFILES:
        raise ConfigError(f"--profile: unknown profile: found {profile!r}. {did_you_mean(profile, PROFILES)}")
    found = PROFILES[profile]
    width, error, drawdown = (f"{100.0 * part:g} %" for part in (found.width, found.tracking_error, found.max_drawdown))
    return found, (
        f"Profile {profile}: tracking_penalty {found.penalty:g}; ranges of half a target, at most {width} of NAV, to "
        f"either side; limits of {error} tracking error a year and {drawdown} drawdown."
    )


def range_of(target: Decimal, width: float) -> tuple[Decimal, Decimal]:
    """The range of an asset: half its target, at most a width, to either side; outward to a hundredth of a percent.

    >>> [str(end) for end in range_of(Decimal("0.6"), 0.05)], [str(end) for end in range_of(Decimal("0.025"), 0.05)]
    (['0.5500', '0.6500'], ['0.0125', '0.0375'])
    """
    half = min(Decimal(str(width)), target / 2)
    upper = min((target + half).quantize(RANGE_STEP, ROUND_CEILING), Decimal(1))
    return (target - half).quantize(RANGE_STEP, ROUND_FLOOR), upper


def estimation_key(allocation: str) -> str:
    """The key of an allocation that says from what it estimates, window or forecast; "" where it estimates nothing."""
    names = {f.name for f in fields(portfolio.ALLOCATIONS[allocation])}
    return next((key for key in ("window", "forecast") if key in names), "")


# -- the configuration of another module -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Key:
    """A key of the configuration, with its value; `refuse` raises ConfigError about it."""

    document: Document
    path: tuple[str, ...]
    value: Any

    def refuse(self, what: str, fix: str) -> NoReturn:
        self.document.refuse(self.path, what, self.value, fix)

    def between(self, low: float, high: float) -> float:
        """The value as a fraction, from `low` on and below `high`. Raises ConfigError for another value."""
        if not (is_number(self.value) and low <= self.value < high):
            self.refuse(f"no fraction from {low:g} to below {high:g}", "Write a fraction: 5 % is 0.05.")
        return float(self.value)

    def word(self, known: Mapping[str, Any]) -> str:
        """The value as one of the known words. Raises ConfigError for another value."""
        found = str(self.value).lower().replace("-", "_").replace(" ", "_")
        if found not in known:
            self.refuse("unknown", did_you_mean(found, known))
        return found


Change = dict[str, Any]  # fields of `Settings`
Taking = Callable[[_Key, Settings], Change | str]


def _schedule(key: _Key, _: Settings) -> Change:
    return {"schedule": FREQUENCIES[key.word(FREQUENCIES)]}


def _strategy(key: _Key, _: Settings) -> Change:
    from research.portfolio.keys.allocations import PEER_NAMES  # with all of them

    allocations = {
        kind: (kind, "")
        for kind, made in portfolio.ALLOCATIONS.items()
        if kind not in NEEDS_MORE and all((f.default, f.default_factory) != (MISSING, MISSING) for f in fields(made))
    }
    allocations |= {
        name: (kind, "".join(f", {setting}: {value}" for setting, value in settings.items()))
        for name, (kind, settings) in PEER_NAMES.items()
        if kind in allocations and settings.get("objective") not in ("target_return", "target_risk")  # they need a goal
    }
    allocations |= STRATEGY_NAMES
    name = key.word(STRATEGIES | allocations | {LLM_ASSISTED: None})
    if name == LLM_ASSISTED:
        return {"has_news": True}
    if name in STRATEGIES:
        return {"policy": "" if STRATEGIES[name] == CALENDAR else STRATEGIES[name], "allocation": "", "terms": ""}
    kind, terms = allocations[name]
    return {"policy": name, "allocation": kind, "terms": terms}


def _lookback(key: _Key, settings: Settings) -> Change | str:
    if not (is_whole(key.value) and 2 <= key.value <= 5_000):
        key.refuse("no number of sessions from 2 to 5,000", "Write a whole number, such as 252.")
    if settings.volatility is None and not (settings.allocation and estimation_key(settings.allocation)):
        return "nothing is estimated: neither the strategy nor a volatility target needs a window"
    return {"window": int(key.value)}


def _slippage(key: _Key, settings: Settings) -> Change | str:
    collar = key.between(0.0, 0.5) * 1e4
    if settings.order_type not in ("", LIMIT_ORDER):
        return f"an order type of {settings.order_type} has no limit price"
    return {"order_type": LIMIT_ORDER, "collar_bps": round(collar, 6)}


def _style(key: _Key, _: Settings) -> Change | str:
    style = str(key.value).lower().replace("-", "_")
    if style in SLICED:
        return {"slices": USUAL_SLICES}
    if style not in ORDER_STYLES:
        known = ", ".join(dict.fromkeys([*ORDER_STYLES.values(), *sorted(SLICED)]))
        return f"an order is sent as one of {known}"
    limit = {"collar_bps": 50.0} if ORDER_STYLES[style] == LIMIT_ORDER else {}
    return {"order_type": ORDER_STYLES[style], **limit}


def _basis(key: _Key, _: Settings) -> Change:
    basis = STABLE_COINS.get(key.value, key.value) if isinstance(key.value, str) else None
    if basis is None or not ISO_CODE.fullmatch(basis):
        coins = ", ".join(STABLE_COINS)
        key.refuse("no currency", f"Write its code of three capital letters, such as EUR, or a stable coin: {coins}.")
    return {"basis": basis}


def _minimum(key: _Key, _: Settings) -> Change:
    if not (is_number(key.value) and key.value >= 0.0):
        key.refuse("no amount of money", "Write it in the currency of the portfolio, 0 or more.")
    return {"minimum_trade": float(key.value)}


PROFILE_KEY = "risk_profile"
SETTING_KEYS: Mapping[str, tuple[str, Taking | None]] = {
    PROFILE_KEY: ("tracking penalty, ranges and limits, as `--profile` does", None),
    "stablecoin_fraction": ("the target of cash", lambda key, _: {"target_cash": key.between(0.0, 1.0)}),
    "rebalancing_frequency": ("the schedule of calendars and thresholds", _schedule),
    "volatility_target": ("the volatility of a further policy", lambda key, _: {"volatility": key.between(0.001, 1.0)}),
    "max_drawdown_limit": ("the limit of drawdown", lambda key, _: {"max_drawdown": key.between(0.001, 1.0)}),
    "strategy.base": ("what llm_assisted tilts", _strategy),
    "strategy.name": ("the policy in force", _strategy),
    "strategy.lookback_period": ("the window of estimates", _lookback),
    "strategy.rebalancing_threshold": ("the band of thresholds", lambda key, _: {"band": key.between(0.0001, 0.5)}),
    "trading.execution_style": ("the order type, the collar of limit orders in bp, or the slices of an order", _style),
    "trading.max_slippage": ("limit orders, and their collar in bp", _slippage),
    "trading.min_trade_value": ("the smallest order", _minimum),
    "trading.base_currency": ("the currency of the portfolio", _basis),
    "portfolio_type": ("the assets and their targets say what the portfolio is", None),
    "correlation_threshold": (
        "the mean correlation above which a cycle raises a flag",
        lambda key, _: {"correlation": key.between(-1.0, 1.0)},
    ),
}  # fmt: skip  # what a key sets and how, or why it has no counterpart; some ask what those before them set


def read_settings(path: Path | None, profile: str = "") -> tuple[Settings, tuple[str, ...]]:
    """The settings of a profile with those of another module's configuration, and a sentence for it and each key.

    path    : YAML file, None for the profile alone.
    profile : profile that goes before that of the file, "" for none.
    Raises  : ConfigError for what is no YAML, and for a value that its key cannot have.
    """
    stated = {} if path is None else {dotted(key.path): key for key in _keys(read_document(path))}
    named = stated.pop(PROFILE_KEY, None)
    settings, told = settings_of_profile(profile or (named.word(PROFILES) if named else USUAL_PROFILE))
    settings, notes = replace(settings, is_stated=bool(profile or named)), [told]
    if named and profile:
        notes.append(f"{PROFILE_KEY} {named.value}: --profile {profile} goes before it.")
    for name, (what, take) in SETTING_KEYS.items():
        if (key := stated.pop(name, None)) is not None:
            change = what if take is None else take(key, settings)
            if isinstance(change, str):
                notes.append(f"{name} {cut(str(key.value))} has no counterpart: {change}.")
            else:
                settings = replace(settings, **change)
                notes.append(f"{name} {cut(str(key.value))} sets {what}: {_values(change)}.")
    for name, key in stated.items():
        unknown = f"{name} {cut(str(key.value))} has no counterpart: no such key is known."
        notes.append(f"{unknown} {did_you_mean(name, SETTING_KEYS)}")
    return settings, tuple(notes)


def _keys(document: Document) -> list[_Key]:
    """The keys of the configuration, those of `strategy` and `trading` one by one."""
    found = []
    for name, value in document.tree.items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        found += [_Key(document, (name, key) if key else (name,), one) for key, one in inner]
    return found


def _values(change: Change) -> str:
    """The values that are set, in words."""
    said = {
        "slices": f"{USUAL_SLICES} equal slices of an hour",
        "has_news": "news, once `rebalance data news` has scored it",
    }
    return ", ".join(
        said.get(name, f"{one:g}" if is_number(one) else one or CALENDAR)
        for name, one in change.items()
        if name not in ("allocation", "terms")
    )
