"""Settings that all hierarchical allocations share, and their names in files."""

from typing import Literal, get_args

from foundation.arguments import check_positive, is_number, one_of, refuse
from foundation.dataclasses import dataclass
from research.allocation.constrained.constrained import Constrained
from research.allocation.estimated import EstimationSchedule
from research.forecast.covariances import COVARIANCES, CovarianceName
from research.forecast.returns import check_window
from research.market.calendars import EVERY

Linkage = Literal["single", "complete", "average", "weighted", "ward"]
Distance = Literal[
    "correlation", "columns", "absolute_correlation", "rank", "distance_correlation", "variation_of_information"
]  # fmt: skip
Order = Literal["optimal", "pypfopt"]
Risk = Literal[
    "variance", "standard_deviation", "mean_absolute_deviation", "semi_deviation", "cvar", "worst_loss", "max_drawdown",
    "equal",
]  # fmt: skip

LINKAGES: tuple[Linkage, ...] = get_args(Linkage)
DISTANCES: tuple[Distance, ...] = get_args(Distance)
ORDERS: tuple[Order, ...] = get_args(Order)
HIERARCHICAL_RISKS: tuple[Risk, ...] = get_args(Risk)


@dataclass(frozen=True, repr=False)
class Hierarchical(Constrained):
    """The settings of all hierarchical allocations.

    window     : number of returns, at least 2.
    linkage    : distance between two clusters: "single", "complete", "average", "weighted" or "ward".
    distance   : distance between two assets, one of `DISTANCES`: see `distances`.
    order      : order of the leaves: "optimal", with the least sum of distances between neighbours, which does not
                 depend on the order of columns; or "pypfopt", as the linkage numbers them, which does.
    covariance : estimator, one of `research.forecast.covariances.COVARIANCES`.
    half_life  : half-life of the estimator with exponential weights, periods.
    recluster  : schedule on which assets are clustered again; None, whenever weights are computed.
    memory     : weight of the distances last used in those of a new clustering, 0 to below 1: see `reclustering`.
    Others     : as of `Constrained`; how constraints are kept, `model` says. Those of volatility and tracking
                 error take the covariance above.
    Raises     : as `Constrained`.
    """

    window: int = 252
    linkage: Linkage = "single"
    distance: Distance = "correlation"
    order: Order = "optimal"
    covariance: CovarianceName = "sample"
    half_life: float = 63.0
    recluster: EstimationSchedule | None = None
    memory: float = 0.0

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        owner = type(self).__name__
        check_window(owner, self.window)
        check_tree(owner, self.linkage, self.distance, self.order)
        one_of(f"covariance of {owner} is", self.covariance, COVARIANCES)
        check_positive(**{f"half_life of {owner}": self.half_life})
        if self.recluster is not None:
            one_of(f"recluster of {owner} is", self.recluster, EVERY)
        if not is_number(self.memory) or not 0.0 <= self.memory < 1.0:
            refuse(f"memory of {owner} is", self.memory, "give a weight from 0 to below 1, such as 0.5.")


def check_tree(owner: str, linkage: str, distance: str, order: str) -> None:
    """Raise ConfigError for an unknown linkage, distance or order."""
    for name, value, known in (
        ("linkage", linkage, LINKAGES), ("distance", distance, DISTANCES), ("order", order, ORDERS)
    ):  # fmt: skip
        one_of(f"{name} of {owner} is", value, known)
