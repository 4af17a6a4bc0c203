"""The tables from kinds in a portfolio file to allocations, forecasts, models and regimes; each may hold others.

    allocation: {kind: volatility_target, volatility: 0.1, of: {kind: hrp, window: 252}}

What an allocation scales or combines stands below `of`, one mapping or a list of them; without it, the strategic
target. A kind with a colon is a class of the user's own, see `own_class`; one of skfolio, PyPortfolioOpt
or Riskfolio-Lib names an optimiser of that library, see `estimators`.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

from foundation.names import import_path
from foundation.quick_imports import LazyClasses
from research.allocation import Allocation, EstimatorAllocation, FixedWeights
from research.allocation.estimators.words import LIBRARIES, says_all
from research.allocation.signals import Signal, Signals, SignalTable, read_signals
from research.forecast import Forecast, Model, Refitted, Regimes
from research.forecast.news import Scores, read_scores
from research.market import Past
from research.market.calendars import A_YEAR
from research.market.frequency import is_daily
from research.portfolio.file.document import Document
from research.portfolio.file.lengths import default_lengths
from research.portfolio.file.own_class import check_code, code_of, is_estimator, own_allocation
from research.portfolio.file.settings import adapters, build, held_by_kind, named, nested, plain
from research.portfolio.file.strict_yaml import KeyPath
from research.portfolio.keys.estimators import optimiser, read_estimator_allocation

ALLOCATIONS = LazyClasses(
    {
        "strategic": "research.allocation.FixedWeights",
        "equal": "research.allocation.EqualWeights",
        "inverse_volatility": "research.allocation.InverseVolatility",
        "market_cap": "research.allocation.MarketCapWeights",
        "momentum": "research.allocation.Momentum",
        "universal_portfolio": "research.allocation.UniversalPortfolio",
        "exponential_gradient": "research.allocation.ExponentialGradient",
        "anticor": "research.allocation.Anticor",
        "minimum_variance": "research.allocation.MinimumVariance",
        "hrp": "research.allocation.HRP",
        "herc": "research.allocation.HERC",
        "nco": "research.allocation.NCO",
        "schur": "research.allocation.Schur",
        "mean_variance": "research.allocation.MeanVariance",
        "robust_cvar": "research.allocation.RobustCVaR",
        "minimum_risk": "research.allocation.MinimumRisk",
        "maximum_ratio": "research.allocation.MaximumRatio",
        "kelly": "research.allocation.Kelly",
        "risk_parity": "research.allocation.RiskParity",
        "tail_parity": "research.allocation.TailParity",
        "maximum_diversification": "research.allocation.MaximumDiversification",
        "benchmark_tracking": "research.allocation.BenchmarkTracking",
        "exposure": "research.allocation.ConstantExposure",
        "volatility_target": "research.allocation.VolatilityTarget",
        "regime_exposure": "research.allocation.RegimeExposure",
        "reserve": "research.allocation.Reserve",
        "average": "research.allocation.Average",
        "shrunk": "research.allocation.Shrunk",
        "smoothed": "research.allocation.Smoothed",
        "capped_turnover": "research.allocation.CappedTurnover",
        "news": "research.allocation.NewsTilt",
        "signals": "research.allocation.Signals",
        "tilted": "research.allocation.Tilted",
    }
)
PEER_KEYS = {  # kind -> key that peers have, and what to write here
    "minimum_variance": dict.fromkeys(
        ("lower", "upper", "constraints", "weight_bounds"),
        "This kind takes no limits: for these take `kind: min_volatility`.",
    ),
    "mean_variance": {
        "target_volatility": "Write `goal:` here.",
        "target_return": "Write `goal:` here.",
        "weight_bounds": "Write `lower:` and `upper:` here.",
    },
}

PEER_NAMES: dict[str, tuple[str, dict[str, Any]]] = {  # name -> kind, and the settings that the name states
    "1/n": ("equal", {}),
    "equal_weight": ("equal", {}),
    "equal_weighted": ("equal", {}),
    "inverse_variance": ("inverse_volatility", {"power": 2.0}),
    "min_variance": ("minimum_variance", {}),
    "global_minimum_variance": ("minimum_variance", {}),
    "markowitz": ("mean_variance", {}),
    "min_volatility": ("mean_variance", {"objective": "minimum_volatility"}),
    "minimum_volatility": ("mean_variance", {"objective": "minimum_volatility"}),
    "max_sharpe": ("mean_variance", {"objective": "maximum_sharpe"}),
    "maximum_sharpe": ("mean_variance", {"objective": "maximum_sharpe"}),
    "max_quadratic_utility": ("mean_variance", {"objective": "utility"}),
    "efficient_return": ("mean_variance", {"objective": "target_return"}),
    "efficient_risk": ("mean_variance", {"objective": "target_risk"}),
    "min_cvar": ("minimum_risk", {"risk": "cvar"}),
    "minimum_cvar": ("minimum_risk", {"risk": "cvar"}),
    "risk_budgeting": ("risk_parity", {}),
    "equal_risk_contribution": ("risk_parity", {}),
    "erc": ("risk_parity", {}),
    "max_diversification": ("maximum_diversification", {}),
    "most_diversified": ("maximum_diversification", {}),
    "benchmark_tracker": ("benchmark_tracking", {}),
    "distributionally_robust_cvar": ("robust_cvar", {}),
    "hierarchical_risk_parity": ("hrp", {}),
    "hierarchical_equal_risk_contribution": ("herc", {}),
    "nested_clusters": ("nco", {}),
    "nested_clusters_optimization": ("nco", {}),
    "schur_complementary": ("schur", {}),
}
FORECASTS = LazyClasses(
    {
        "estimated": "research.forecast.Estimated",
        "market_cap": "research.forecast.MarketCap",
        "benchmark": "research.forecast.Benchmark",
        "black_litterman": "research.forecast.BlackLitterman",
        "refitted": "research.forecast.Refitted",
        "factor_model": "research.forecast.FactorModel",
        "signals": "research.forecast.SignalBlend",
        "ewma": "research.forecast.EWMAVolatility",
    }
)
MODELS = LazyClasses(
    {  # what `refitted` fits; a model named as a forecast is refitted too
        "boosted": "research.forecast.Boosted",
        "garch": "research.forecast.GarchVolatility",
        "har": "research.forecast.HARVolatility",
        "network": "research.forecast.Network",
    }
)
DAYS_ONLY = ("boosted", "har", "network")  # models whose features are of sessions
DAYS_ONLY_FIX = "Use estimated, signals, ewma or views, or give a market of days."
REGIME_MODELS = LazyClasses(
    {
        "fitted": "research.forecast.MarkovRegimes",
        "markov": "research.forecast.MarkovSwitching",
        "jump": "research.forecast.JumpModel",
        "volatility": "research.forecast.VolatilityPercentiles",
    }
)
VIEWS_BEFORE = "forecast_views"  # tilted by a utility; `tilted` took its place
OF = "of"  # key of what an allocation scales or combines
NESTED_FIELDS = {"allocation": OF, "allocations": OF}  # fields that it stands for


def read_allocation(
    document: Document, path: KeyPath, strategic: FixedWeights, shared: Mapping[str, Any]
) -> Allocation:
    """The allocation at `path`, {kind: ..., ...}; the strategic target where the file has none there.

    document  : the portfolio file.
    path      : key of the allocation.
    strategic : the file's target.
    shared    : settings of the whole file, for allocations that have them and state no other.
    Raises    : ConfigError for an unknown kind or setting, and for a value that the class does not take.
    A kind in another case, or by the name of a peer, is that of the tables: the settings of a run state its own word.
    """
    if not document.has(*path):
        return strategic
    kind, a_year = document.text(*path, "kind"), shared.get("periods_per_year", A_YEAR["day"])
    if kind.partition(".")[0] in LIBRARIES:
        return read_estimator_allocation(document, path, optimiser(document, (*path, "kind")), a_year)
    own = ":" in kind
    cls, held = _kind(document, path, strategic)
    if own and is_estimator(cls):
        return read_estimator_allocation(document, path, cls, a_year)
    for name, declared in nested(cls).items():
        below = (*path, NESTED_FIELDS.get(name, name))
        if declared is Forecast:
            held |= {name: read_forecast(document, below, strategic, shared)} if document.has(*below) else {}
        elif declared in _READERS:
            held[name] = _READERS[declared](document, below, shared)
        elif declared is Allocation:
            held[name] = read_allocation(document, below, strategic, shared)
        else:
            many = document.value(*below)
            if not isinstance(many, list) or not many:
                document.refuse(below, "not a list", many, "Write its items one a line, each after a dash.")
            places = [(*below, str(k)) for k in range(len(many))]
            held[name] = tuple(read_allocation(document, place, strategic, shared) for place in places)
    held |= _shared(cls, shared, {*document.mapping(*path), *held})
    beside = (
        "kind",
        *(("code",) if own else ()),
        *dict.fromkeys(NESTED_FIELDS.get(name, name) for name in nested(cls)),
    )
    allocation: Allocation = build(document, path, cls, held, beside)
    if isinstance(allocation, Signals):
        with document.placing((*path, "table")):
            allocation.check_ranges(shared.get("ranges", ()))
    return allocation


def _kind(document: Document, path: KeyPath, strategic: FixedWeights) -> tuple[type, dict[str, Any]]:
    """The class that the kind at `path` names, and the settings that its name states: a user's own, or of the table."""
    kind = document.text(*path, "kind")
    if ":" in kind:
        own = own_allocation(document, (*path, "kind"))
        check_code(document, (*path, "code"), own)
        return own, {}
    word, settings = PEER_NAMES.get(kind.lower(), ("", {}))
    word = word or named(document, (*path, "kind"), ALLOCATIONS)
    cls = ALLOCATIONS[word]
    for key, fix in PEER_KEYS.get(word, {}).items():
        if document.has(*path, key):
            document.refuse((*path, key), "unknown key", key, fix)
    return cls, {"weights": strategic.weights} if cls is FixedWeights else dict(settings)


def allocation_settings(allocation: Any) -> dict[str, Any]:
    """An allocation as a portfolio file would write it, every default filled in but those of no value, in JSON types.

    >>> from research.allocation import ConstantExposure, EqualWeights
    >>> allocation_settings(ConstantExposure(EqualWeights(), 0.6))
    {'kind': 'exposure', 'exposure': 0.6, 'of': {'kind': 'equal', 'unlisted': 'pro_rata'}}
    """
    if isinstance(allocation, EstimatorAllocation):
        of_own = {} if says_all(allocation.words) else {"code": code_of(type(allocation.estimator))}
        return allocation.words | of_own
    cls: type = type(allocation)
    kind = _word_of(cls)
    own = {} if kind else {"kind": import_path(cls), "code": code_of(cls)}
    parts = {NESTED_FIELDS.get(name, name): getattr(allocation, name) for name in held_by_kind(cls)}
    held = {name: _held_settings(part) for name, part in parts.items() if part is not None}
    without = (*nested(cls), *(("weights",) if cls is FixedWeights else ()))
    return {"kind": kind, **own, **plain(allocation, without), **held}


def allocation_key(allocation: object) -> str | None:
    """The name by which a portfolio file calls an allocation; None for one that no file can name, or that holds one."""
    if isinstance(allocation, EstimatorAllocation):
        return str(allocation.words["kind"]) if says_all(allocation.words) else None
    name = _word_of(type(allocation))
    if name is None or any(allocation_key(one) is None for one in _parts_of(allocation)):
        return None
    return name


def _parts_of(allocation: Any) -> tuple[Any, ...]:
    """The allocations that an allocation of the tables scales or combines."""
    found: list[Any] = []
    cls: type = type(allocation)
    for name, declared in nested(cls).items():
        value = getattr(allocation, name)
        if declared not in (Forecast, *_READERS):
            found += value if isinstance(value, tuple) else [value]
    return tuple(found)


def check_names(document: Document, path: KeyPath, held: Any, past: Past) -> None:
    """Raise ConfigError, with its place, for a view or a benchmark below `path` on names that the market lacks.

    held : the allocation or the forecast at `path`.
    past : market up to the last close.
    """
    cls: type = type(held)
    for name in nested(cls) if is_dataclass(cls) else ():
        below, value = (*path, NESTED_FIELDS.get(name, name)), getattr(held, name)
        parts = {(*below, str(k)): one for k, one in enumerate(value)} if isinstance(value, tuple) else {below: value}
        for at, part in parts.items():
            check_names(document, at, part, past)
    if hasattr(held, "check") and (_word_of(cls) or cls is EstimatorAllocation):
        with document.placing(path):
            held.check(past)


def _word_of(cls: type) -> str | None:
    """The kind by which a file names a class of the tables; None for another class."""
    return next(filter(None, (table.word_of(cls) for table in (ALLOCATIONS, FORECASTS, MODELS, REGIME_MODELS))), None)


def read_forecast(
    document: Document, path: KeyPath, strategic: FixedWeights, shared: Mapping[str, Any], models: bool = False
) -> Any:
    """The forecast, or the model, at `path`: {kind: ..., ...}, or the word of a kind alone.

    A forecast that names no kind is estimated, and one that names a model is that model, refitted. The weights of a
    benchmark are the strategic target where it states none.
    """
    alone, table = isinstance(document.value(*path), str), MODELS if models else FORECASTS | MODELS
    kind = (*path, "kind")
    if (document.value(*path) if alone else document.value(*kind, default="")) == VIEWS_BEFORE:
        fix = "Write `allocation: {kind: tilted, forecast: ..., tracking_error: 0.02}` for the target that it tilts."
        document.refuse(path if alone else kind, "no forecast any more", VIEWS_BEFORE, fix)
    unnamed = not (alone or models or document.has(*kind))
    word = "estimated" if unnamed else named(document, path if alone else kind, table)
    cls = table[word]
    a_year = shared.get("periods_per_year", A_YEAR["day"])
    if word in DAYS_ONLY and not is_daily(a_year):
        what, fix = f"learns from moves over sessions, and the market has {a_year:g} rows a year", DAYS_ONLY_FIX
        document.refuse(path if alone else kind, what, word, fix)
    if word == "factor_model" and not document.has("factors"):
        fix = "Add `factors: FILE.csv`, the returns of named factors on the days of the market."
        document.refuse(path if alone else kind, "needs factors, and the file names none", word, fix)
    refitted = word in MODELS and not models
    declared = held_by_kind(cls)
    needed = {f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING}
    below = {n: (*path, n) for n in declared if n in needed or (not alone and document.has(*path, n))}
    held: dict[str, Any] = {
        name: read_forecast(document, at, strategic, shared, declared[name] is Model) for name, at in below.items()
    }
    if word == "benchmark" and (alone or not document.has(*path, "weights")):
        document.check_whole(("lines",))  # of assets that are wrong, some may be missing
        held["weights"] = dict(zip(document.names("lines"), strategic.weights, strict=True))
    stated = () if alone else document.mapping(*path)
    held |= _shared(cls, shared, {*stated, *held})
    beside = ("kind", *declared, *(adapters(Refitted) if refitted else ()))
    found = _of_a_word(document, path, cls, held) if alone else build(document, path, cls, held, beside)
    if not refitted:
        return found
    return Refitted(found) if alone else build(document, path, Refitted, {"model": found}, ("kind", *adapters(cls)))


def _of_a_word(document: Document, path: KeyPath, cls: type, held: Mapping[str, Any]) -> Any:
    """The object that the word of a kind alone means: its defaults, which a setting of the file may not suit."""
    with document.placing(path):
        return cls(**held)


def read_regimes(document: Document, path: KeyPath, shared: Mapping[str, Any]) -> Regimes:
    """The regimes at `path`, {kind: ..., line: ..., ...}; fitted before where it names no kind.

    document : the portfolio file.
    path     : key of the regimes.
    shared   : settings of the whole file.
    Raises   : ConfigError for an unknown kind or setting, and for a value that the class does not take.
    """
    kind = (*path, "kind")
    cls = REGIME_MODELS[named(document, kind, REGIME_MODELS) if document.has(*kind) else "fitted"]
    regimes: Regimes = build(document, path, cls, _shared(cls, shared, document.mapping(*path)), beside=("kind",))
    return regimes


def _of_file(
    read: Callable[[Path, str], Any],
    document: Document,
    path: KeyPath,
    shared: Mapping[str, Any],
    beside: tuple[str, ...] = (),
) -> Any:
    """The table of the file at `path`, by a reader: a path from the file's own folder, or {file: ..., sha256: ...}.

    beside : other keys that stand beside these.
    Raises : ConfigError for a file that cannot be read, or is not the one that a run had.
    """
    at = (*path, "file") if isinstance(document.value(*path), dict) else path
    document.check_keys(at[:-1], ("file", "sha256", *beside)) if at != path else None
    with document.placing(at):
        table = read(document.folder / document.text(*at), document.text(*at))
    if at != path and document.text(*path, "sha256", default=table.sha256) != table.sha256:
        what, fix = f"another file than {table.file} is now, {table.sha256}", "Restore it, or leave this key out."
        document.refuse((*path, "sha256"), what, document.value(*path, "sha256"), fix)
    return table


def _scores(document: Document, path: KeyPath, shared: Mapping[str, Any]) -> Scores:
    """The scores of the file at `path`, as `_of_file`, which may name `feeds` of news beside it."""
    stated = document.value(*path)
    feeds = stated.get("feeds") or [] if isinstance(stated, dict) else []
    if not isinstance(feeds, list):
        document.refuse((*path, "feeds"), "not a list", feeds, "Write its items one a line, each after a dash.")
    named = tuple(document.text(*path, "feeds", str(k)) for k in range(len(feeds)))
    scores: Scores = _of_file(partial(read_scores, feeds=named), document, path, shared, ("feeds",))
    return scores


_READERS: dict[
    Any, Callable[[Document, KeyPath, Mapping[str, Any]], Any]
] = {  # of a setting that is no allocation, by its type
    Regimes: read_regimes,
    Scores: _scores,
    Signal: partial(_of_file, read_signals),
}


def _shared(cls: type, shared: Mapping[str, Any], stated: Collection[str]) -> dict[str, Any]:
    """Settings of the whole file that a class has, and its lengths in rows, but for those that are stated."""
    unset = {f.name for f in fields(cls)} - set(stated)
    lengths = default_lengths(cls, shared.get("periods_per_year", A_YEAR["day"]), stated)
    return lengths | {name: value for name, value in shared.items() if name in unset}


def _held_settings(held: Any) -> Any:
    if isinstance(held, Scores | SignalTable):
        return {"file": held.file, "sha256": held.sha256}
    return [allocation_settings(one) for one in held] if isinstance(held, tuple) else allocation_settings(held)
