"""Constraints of an allocation as a file names them: the limits on the weights, and how firmly each is kept.

Every constraint is hard, or has a `price`, or a place in the order in which constraints give way (`gives_way`). Weights
are fractions of NAV, and cash is the rest. Which columns and assets there are is known on the day only: the builder
(`research.allocation.constraints.builder`) refuses names that the market does not have.
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

from foundation.arguments import cut, is_number, is_whole, shown
from foundation.dataclasses import MISSING, dataclass, field, fields
from foundation.errors import ConfigError
from foundation.paper.wording import percent


def freeze(record: object) -> None:
    """Copy the mappings among the fields of a frozen dataclass, read-only: answers are kept by these records."""
    for f in fields(record):  # type: ignore[arg-type]
        if isinstance(value := getattr(record, f.name), Mapping):
            object.__setattr__(record, f.name, MappingProxyType(dict(value)))


def by_field(record: object) -> dict[str, Any]:
    """Name -> value of the fields of a dataclass, with its mappings as dicts."""
    values = {f.name: getattr(record, f.name) for f in fields(record)}  # type: ignore[arg-type]
    return {name: dict(value) if isinstance(value, MappingProxyType) else value for name, value in values.items()}


def reduced(record: object) -> tuple[Any, ...]:
    """Pickle a record by its fields, from which it is made anew, since a read-only mapping cannot be pickled."""
    return partial(type(record), **by_field(record)), ()


def given(record: object) -> str:
    """A record with the settings that differ from their defaults."""
    said, values = [], by_field(record)
    for f in fields(record):  # type: ignore[arg-type]
        value = values[f.name]
        default = f.default_factory() if f.default_factory is not MISSING else f.default
        if f.init and value != default:
            said.append(f"{f.name}={value!r}")
    return f"{type(record).__name__}({', '.join(said)})"


Where = Mapping[str, str | tuple[str, ...]]

FORBID: dict[str, str] = {"extra": "forbid"}
AS_PERCENT = {"volatility": 2.0, "tracking_error": 0.99, "cvar": 0.99}  # a limit past it is one in per cent
PRICE = "what a unit outside of it costs"


@dataclass(frozen=True, kw_only=True, repr=False)
class Firmness:
    """Firmness of a constraint: it is always kept, unless it has a price or a place in the order of giving way.

    price     : cost of one unit outside of it, in the unit of the model's objective: return a year for a unit of
                NAV where the model maximises return, volatility a year where it minimises volatility; of a ratio, in
                the unit of its numerator, such as return a year for a Sharpe ratio. None for no price.
    gives_way : its place, from 1, in the order in which constraints give way where no weights keep all; the lowest
                give way first, by the least amount that suffices. None: it never gives way.
    Raises    : ConfigError for both, a price that is not above zero, and a place that is not a whole number from 1.
    """

    price: float | None = None
    gives_way: int | None = None

    __pydantic_config__: ClassVar[dict[str, str]] = FORBID

    def __repr__(self) -> str:
        """The settings that differ from their defaults: constraints have many, of which a file names few."""
        return given(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its fields."""
        return reduced(self)

    def __post_init__(self) -> None:
        """Check both, and keep mappings from being changed."""
        freeze(self)
        if self.price is not None and self.gives_way is not None:
            raise ConfigError("it has a price and a place in the order of giving way: keep one of the two.")
        if self.price is not None and not (is_number(self.price) and self.price > 0.0):
            raise ConfigError(f"price is {shown(self.price)}: give a number above 0, {PRICE}.")
        if self.gives_way is not None and not (is_whole(self.gives_way) and self.gives_way >= 1):
            raise ConfigError(f"gives_way is {shown(self.gives_way)}: give a whole number, 1 for what gives way first.")

    @property
    def always(self) -> bool:
        """True if it is always kept."""
        return self.price is None and self.gives_way is None


ALWAYS = Firmness()


@dataclass(frozen=True, kw_only=True, repr=False)
class Bounds(Firmness):
    """Least and largest value of a weight, or of all weights together; either may be left open.

    least, most : fraction of NAV; None for none.
    Raises      : ConfigError for neither, for what is not a number, and where least is above most.
    """

    least: float | None = None
    most: float | None = None

    def __post_init__(self) -> None:
        """Check the bounds."""
        super().__post_init__()
        for name in ("least", "most"):
            if getattr(self, name) is not None and not is_number(getattr(self, name)):
                raise ConfigError(f"{name} is {shown(getattr(self, name))}: give a number.")
        if self.least is None and self.most is None:
            raise ConfigError("it has neither `least` nor `most`: give one of them.")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ConfigError(f"least is {self.least:g}, above most, {self.most:g}: exchange them.")


@dataclass(frozen=True, kw_only=True, repr=False)
class Group(Bounds):
    """The weight of several assets together.

    where : column of the instruments -> its word, or several of which one suffices. An asset is of the group when it
            fits every column: {region: us, sector: [technology, health]}.
    lines : names of assets, instead of `where`.
    Raises : as Bounds, and ConfigError unless exactly one of `where` and `lines` is given.
    """

    where: Where = field(default_factory=dict)
    lines: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check who belongs to it."""
        super().__post_init__()
        _check_members(self.where, self.lines, both=False)


@dataclass(frozen=True, kw_only=True, repr=False)
class Exposure(Bounds):
    """The weighted sum of a number that each asset has: a beta, a loading on a factor, a score; cash has 0.

    column : name of a column of the instruments with a number for each asset: a factor's loadings, an ESG score.
    values : asset -> number, instead; an asset that is not named has 0.
    to     : asset -> weight, instead: the beta to this portfolio, from the covariance of the day.
    least, most : bounds in the unit of that number.
    Raises : as Bounds, and ConfigError unless exactly one of `column`, `values` and `to` is given.
    """

    column: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    to: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that it names the number."""
        super().__post_init__()
        _check_numbers("values", self.values)
        _check_numbers("to", self.to)
        given = [name for name in ("column", "values", "to") if getattr(self, name)]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ConfigError(f"it says its numbers by {found}: give one of column, values and to.")


@dataclass(frozen=True, kw_only=True, repr=False)
class Most(Firmness):
    """A largest value. Raises ConfigError for one that is not a number above 0."""

    most: float

    def __post_init__(self) -> None:
        """Check the bound."""
        super().__post_init__()
        check_above_zero(most=self.most)


@dataclass(frozen=True, kw_only=True, repr=False)
class TrackingErrorLimit(Most):
    """The standard deviation a year of returns over those of a benchmark.

    most      : fraction a year.
    benchmark : asset -> weight, fraction of NAV; cash is the rest.
    """

    benchmark: Mapping[str, float]

    def __post_init__(self) -> None:
        """Check that it has a benchmark."""
        super().__post_init__()
        if not self.benchmark:
            raise ConfigError("benchmark has no assets: give weights by name, such as {SPY: 0.6, AGG: 0.4}.")
        _check_numbers("benchmark", self.benchmark)


@dataclass(frozen=True, kw_only=True, repr=False)
class CVaRLimit(Most):
    """The mean loss in the worst 1 - level of the periods of the window (Rockafellar, Uryasev 2000).

    most  : fraction of NAV a period (a day, for daily returns); a loss is positive.
    level : level from 0 to 1, both excluded.
    """

    level: float = 0.95

    def __post_init__(self) -> None:
        """Check the level."""
        super().__post_init__()
        if not (is_number(self.level) and 0.0 < self.level < 1.0):
            raise ConfigError(f"level is {shown(self.level)}: give a number between 0 and 1, such as 0.95.")


@dataclass(frozen=True, kw_only=True, repr=False)
class Cardinality(Firmness):
    """Number of assets held, and least size of an asset that is held.

    most    : largest number of assets held; None for any number.
    least   : least number of assets held, which needs `if_held`.
    if_held : least weight of an asset that is held, fraction of NAV; 0 for none.
    """

    most: int | None = None
    least: int | None = None
    if_held: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        for name in ("most", "least"):
            value = getattr(self, name)
            if value is not None and not (is_whole(value) and value >= 1):
                raise ConfigError(f"{name} is {shown(value)}: give a whole number of assets, at least 1.")
        if not (is_number(self.if_held) and 0.0 <= self.if_held <= 1.0):
            raise ConfigError(f"if_held is {shown(self.if_held)}: give a fraction of NAV, such as 0.01.")
        if self.least is not None and not self.if_held:
            raise ConfigError(
                f"least is {self.least} without `if_held`: say how large an asset is that counts as held."
            )
        if self.most is None and not self.if_held:
            raise ConfigError("it has neither `most` nor `if_held`: give one of them.")
        if self.most is not None and self.least is not None and self.least > self.most:
            raise ConfigError(f"least is {self.least}, above most, {self.most}: exchange them.")


@dataclass(frozen=True, kw_only=True, repr=False)
class Liquidity(Firmness):
    """An asset is no larger than what can be sold in so many days at a share of its volume.

    days          : number of days in which an asset can be sold.
    nav           : net asset value of the portfolio, currency.
    participation : share of the volume of a day that we may be, fraction.
    window        : sessions over which the value traded a day is averaged.
    """

    days: float
    nav: float
    participation: float = 0.2
    window: int = 21

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        check_above_zero(days=self.days, nav=self.nav, participation=self.participation)
        if not (is_whole(self.window) and self.window >= 1):
            raise ConfigError(f"window is {shown(self.window)}: give a whole number of sessions, such as 21.")


@dataclass(frozen=True, kw_only=True, repr=False)
class Exclusions(Firmness):
    """Assets that are not held: those that are named, and those that fit every column of `where`."""

    where: Where = field(default_factory=dict)
    lines: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that it names the assets."""
        super().__post_init__()
        _check_members(self.where, self.lines, both=True)


@dataclass(frozen=True, kw_only=True, repr=False)
class Constraints:
    """The constraints on the weights of an allocation: everything under `constraints:` of an allocation in a file.

    net            : the sum of the weights; 1 by default, so that nothing is left in cash.
    gross          : the sum of their absolute values. Without it there are no short assets and no leverage, whatever
                     else has a price, gives way or is left open.
    every_line     : the weight of each asset; a side that is not given is 0 or 1, where `gross` is given -gross or
                     gross.
    lines          : the weight of one asset, by its name.
    groups         : the weight of several assets together, by a name of their own.
    exposures      : beta, factors, scores, by a name of their own.
    cardinality    : number of assets, and least weight of an asset that is held.
    turnover       : the larger of what is bought and sold against the previous target; none on the first day.
    volatility     : standard deviation a year.
    tracking_error : tracking error to a benchmark, a year.
    cvar           : CVaR of the window's returns, a period.
    liquidity      : days of volume.
    exclude        : assets that are not held.
    Raises         : ConfigError for short bounds or a net above 1 without `gross`, and for `gross` with `if_held`.
    """

    net: Bounds = Bounds(least=1.0, most=1.0)
    gross: Most | None = None
    every_line: Bounds | None = None
    lines: Mapping[str, Bounds] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    exposures: Mapping[str, Exposure] = field(default_factory=dict)
    cardinality: Cardinality | None = None
    turnover: Most | None = None
    volatility: Most | None = None
    tracking_error: TrackingErrorLimit | None = None
    cvar: CVaRLimit | None = None
    liquidity: Liquidity | None = None
    exclude: Exclusions | None = None

    __pydantic_config__: ClassVar[dict[str, str]] = FORBID

    def __post_init__(self) -> None:
        """Check that leverage is stated, and keep mappings from being changed."""
        freeze(self)
        self._check_units()
        if self.gross is None:
            self._check_long_only()
        elif self.cardinality is not None and self.cardinality.if_held:
            raise ConfigError(
                f"cardinality.if_held is {self.cardinality.if_held:g} with gross: a least weight of what is held is "
                "known for long assets only. Leave out one of the two."
            )

    def __repr__(self) -> str:
        """The settings that differ from their defaults."""
        return given(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its fields."""
        return reduced(self)

    def __hash__(self) -> int:
        """The hash of the names that it holds: equal constraints have equal ones."""
        return hash((*sorted(self.lines), *sorted(self.groups), *sorted(self.exposures)))

    @property
    def shorts(self) -> bool:
        """True if an asset may be short."""
        return self.gross is not None

    def _check_units(self) -> None:
        """Refuse a number in per cent: such a limit would never bind, and nobody would see it."""
        held = 1.0 if self.gross is None else max(self.gross.most, 1.0)
        lines = {f"lines.{name}": of for name, of in self.lines.items()}
        groups = {f"groups.{name}": of for name, of in self.groups.items()}
        names = ("every_line", "turnover", "volatility", "tracking_error", "cvar")
        limits = {name: getattr(self, name) for name in names}
        for name, limit in {**limits, **lines, **groups}.items():
            most = AS_PERCENT.get(name, 2.0 * held)
            for side in ("least", "most"):
                value = getattr(limit, side, None)
                if value is not None and abs(value) > most:
                    raise ConfigError(
                        f"{name}.{side} is {value:g}, which is {percent(value, 0)}: give a fraction, such as "
                        f"{value / 100:g} for {value:g} %."
                    )

    def _check_long_only(self) -> None:
        lines = {f"lines.{name}": bounds for name, bounds in self.lines.items()}
        for name, bounds in {"every_line": self.every_line, **lines}.items():
            if bounds is not None and bounds.least is not None and bounds.least < 0.0:
                raise ConfigError(
                    f"{name}.least is {bounds.least:g}, so the asset may be short, but no leverage is stated. Add "
                    "`gross: {most: 1.5}`, or raise it to 0."
                )
        for side in ("least", "most"):
            if (net := getattr(self.net, side)) is not None and net > 1.0:
                raise ConfigError(
                    f"net.{side} is {net:g}, which is leverage, but none is stated. Add `gross: {{most: {net:g}}}`, "
                    "or lower it to 1."
                )


def check_above_zero(**given: object) -> None:
    """Raise ConfigError for what is not a finite number above 0."""
    for name, value in given.items():
        if not (is_number(value) and value > 0):  # type: ignore[operator]
            raise ConfigError(f"{name} is {shown(value)}: give a number above 0.")


def _check_numbers(name: str, values: Mapping[str, float]) -> None:
    """Raise ConfigError that names every asset whose value is not a finite number."""
    if bad := [f"{shown(value)} for {line}" for line, value in values.items() if not is_number(value)]:
        raise ConfigError(f"{name} is {cut(', '.join(bad))}: give a number.")


def _check_members(where: Where, lines: tuple[str, ...], both: bool) -> None:
    if not where and not lines:
        raise ConfigError("it has neither `where` nor `lines`: say which assets it concerns.")
    if where and lines and not both:
        raise ConfigError("it has `where` and `lines`: keep one of the two.")
    empty = [column for column, words in where.items() if not words]
    if empty:
        raise ConfigError(f"where.{empty[0]} has no words: give one, or a list.")
