"""The weights that track a benchmark most closely under constraints, such as few assets."""

from collections.abc import Mapping

from foundation.arguments import cut, is_number, shown
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, DataError
from foundation.paper.wording import percent
from research.allocation.accuracy import LIMIT_TOLERANCE
from research.allocation.answer import NotSolvedError
from research.allocation.constrained.constrained import Pairs
from research.allocation.constrained.on_forecast import OnForecast, root_of_moments
from research.allocation.constraints.limits import WEIGHTS, Limits
from research.allocation.constraints.optimum import Aim, Optimum, optimum
from research.allocation.constraints.programme import Objective
from research.forecast import Moments
from research.forecast.views.equilibrium import weights_present
from research.market import Past

TRACKING_UNIT = "tracking error a year"


@dataclass(frozen=True, repr=False)
class BenchmarkTracking(OnForecast):
    """The weights of least tracking error to a benchmark; with `cardinality` among the constraints, by few assets.

    Where the benchmark itself keeps the constraints, it is the answer. Assets of the benchmark that have no complete
    window are left out of it, and the others keep their proportions and its sum; the answer says so.

    benchmark   : weight by asset, fraction of NAV; cash is the rest.
    column      : instead, a column of numbers of the instruments, such as a market capitalisation or the weight in an
                  index, to which the benchmark's weights are in proportion.
    Others      : as of `OnForecast`; the forecast is one of covariances.
    Raises      : as `OnForecast`; ConfigError for both or neither of benchmark and column; DataError for a column that
                  is not a number of at least zero for each asset; NotSolvedError where no asset of the benchmark has a
                  complete window, or those that do have a sum of zero or of the other sign.
    Source      : Roll (1992), A Mean/Variance Analysis of Tracking Error; with few assets Bertsimas, Shioda (2009).
    """

    benchmark: Mapping[str, float] | Pairs = ()
    column: str = ""

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        object.__setattr__(self, "benchmark", tuple(sorted(dict(self.benchmark).items())))
        if bool(self.benchmark) == bool(self.column):
            found = "both" if self.column else "neither"
            raise ConfigError(
                f"BenchmarkTracking has {found} of benchmark and column: give one, weights by name such as "
                "{SPY: 0.6, AGG: 0.4}, or the name of a column."
            )
        for name, weight in dict(self.benchmark).items():
            if not is_number(weight):
                raise ConfigError(f"benchmark of BenchmarkTracking for {name} is {shown(weight)}: give a number.")

    def check(self, past: Past) -> None:
        """Raise ConfigError for names that the market of a past does not have."""
        super().check(past)
        if unknown := [name for name, _ in self._pairs if name not in past.assets]:
            raise ConfigError(
                f"benchmark of BenchmarkTracking: unknown asset {shown(unknown[0])}. Use "
                f"{cut(', '.join(past.assets), 400)}."
            )
        if self.column:
            past.fact(self.column)

    def found(self, limits: Limits, moments: Moments, past: Past) -> Optimum:
        """The weights (k,) within limits, for a forecast of a year."""
        benchmark, notes = self._weights(moments, past)
        if limits.outside(benchmark).max(initial=0.0) <= LIMIT_TOLERANCE:
            return Optimum(benchmark, 0.0, TRACKING_UNIT, "", "", notes=(*limits.notes, *notes))
        root = root_of_moments(moments)
        found = optimum(limits, Aim(Objective(norm={WEIGHTS: root}, centre=root @ benchmark), TRACKING_UNIT))
        return replace(found, notes=(*found.notes, *notes))

    @property
    def _pairs(self) -> Pairs:
        return tuple(dict(self.benchmark).items())

    def _weights(self, moments: Moments, past: Past) -> tuple[Array, tuple[str, ...]]:
        """(k,) weights of the benchmark, over the assets of the forecast, and the assets that were left out."""
        if self.column:
            values = dict(zip(past.assets, past.fact(self.column).tolist(), strict=True))
            bad = [name for name in moments.assets if not (is_number(values[name]) and values[name] >= 0.0)]
            if bad:
                raise DataError(
                    f"column {self.column} of BenchmarkTracking on {past.date:%Y-%m-%d} is {shown(values[bad[0]])} for "
                    f"{bad[0]}: give a number of at least 0 for each asset."
                )
            total = sum(values[name] for name in moments.assets)
            by_name = {name: values[name] / (total or 1.0) for name in moments.assets}
        else:
            by_name = dict(self._pairs)
        found, absent = weights_present(by_name, moments.assets)
        if not found.any():
            raise NotSolvedError(f"no asset of the benchmark is known on {past.date:%Y-%m-%d}")
        if not absent:
            return found, ()
        whole, known = sum(by_name.values()), sum(by_name.get(name, 0.0) for name in moments.assets)
        without = f"without {cut(', '.join(absent))}, which have no complete window"
        if whole * known <= 0.0:
            raise NotSolvedError(
                f"{without} on {past.date:%Y-%m-%d}, the benchmark sums to {percent(known, 2)} of NAV in place of "
                f"{percent(whole, 2)}: its other assets cannot keep their proportions. Start later, or leave these out"
            )
        return found, (f"the benchmark is tracked {without}.",)
