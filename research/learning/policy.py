"""A learned policy: its decision, its network and scaling, and how it is saved."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from foundation.arguments import cut, shown
from foundation.arrays import Array, Floats, MadeAnew, Mask, Rows, frozen, frozen_record
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError, DataError, PolicyError
from foundation.tolerances import TARGET_TOLERANCE
from research.accounting import Costs, Hold, Trade, View, Why
from research.allocation import Allocation, EqualWeights, FixedWeights, TargetPath
from research.learning.card_shape import LEARNED_FORMAT
from research.learning.checksummed import write_checksummed
from research.learning.policy_folder import POLICY_FIX, read_policy_folder
from research.learning.worlds.training_days import scales as scales_of
from research.market import Market
from research.market.calendars import at_least_weekly, last_of
from research.market.market import Past
from research.rules.networks.actions import LEARNED_WORDS, action_size
from research.rules.networks.arrays import POLICY_NETWORK, NetworkBoxes
from research.rules.networks.features import LOOKBACK, FeatureScaling, Scales, observe, standardise, strategic_returns
from research.rules.networks.names import ACTIONS, SHARED_FEATURES, Action
from research.rules.networks.policy_network import Network, forward, network
from research.rules.no_trade_bands import NoTradeBands, restricted
from research.rules.protocol import CompiledRule, FittedRule, Schedule
from research.rules.risk_rules import without_bands
from research.rules.rule_options import NETWORK, RuleOptions

PLAIN_ALLOCATIONS: dict[str, type] = {"fixed": FixedWeights, "equal": EqualWeights}


@dataclass(frozen=True, eq=False)
class LearnedPolicy(MadeAnew, FittedRule, CompiledRule):
    """A policy network that decides at the last session of every period; `train` makes it.

    allocation : allocation that gives the target.
    schedule   : the period.
    assets     : the assets, in the market's order.
    seen       : the last day that it was trained on; it does not decide before that day.
    scales     : targets, half-widths and covariances that its features are measured in.
    standard   : scaling of the features.
    net        : its network.
    card       : its model card, plain JSON values: training data, settings, and its loss in simulated paths.
    action     : meaning of its numbers, one of `research.rules.networks.actions`.
    """

    allocation: Allocation
    schedule: str
    assets: tuple[str, ...]
    seen: pd.Timestamp
    scales: Scales
    standard: FeatureScaling
    net: Network
    card: Mapping[str, Any]
    action: Action = "bands"
    family: ClassVar[str] = "learned"  # type: ignore[misc]

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        for name in ("scales", "standard", "net"):
            object.__setattr__(self, name, frozen_record(getattr(self, name)))

    @property
    def fitted_until(self) -> pd.Timestamp:  # type: ignore[override]
        """The last date that it learned from."""
        return self.seen

    @property
    def desk_schedule(self) -> Schedule:
        """Its period: a desk trades once the end of one was missed."""
        return self.schedule  # type: ignore[return-value]  # as its settings checked it

    @property
    def limits_drift(self) -> bool:
        """True if it decides at least once a week."""
        return at_least_weekly(self.schedule)

    @property
    def long_name(self) -> str:
        """The policy in a few words."""
        return f"{LEARNED_WORDS[self.action]} learned, decided each {self.schedule}"

    def decide(self, view: View) -> Hold | Trade:
        """Hold, or trade into the box that the network gives; it is due at the last session of its period.

        Raises : PolicyError before the last day of its training, for other assets, and for a target that it was not
                 trained for.
        """
        past = view.past
        if past.date < self.seen:
            raise PolicyError(
                f"a learned policy that was trained on data up to {self.seen:%Y-%m-%d} cannot decide on "
                f"{past.date:%Y-%m-%d}: it has seen later days. Start the test later, or train on fewer days."
            )
        if not (view.unfinished or last_of(past.days[-2:], self.schedule, past.calendar)[-1]):
            return Hold(Why("learned"))
        recent = self._recent(past.returns[-LOOKBACK:], past.cash[-LOOKBACK:])
        asked, row = np.ones(1, dtype=bool), np.zeros(1, dtype=np.int64)
        return self._bands(past, asked, row, view.target[None], recent, [past.date]).answer(view)

    def no_trade_bands(self, market: Market, targets: TargetPath, costs: Costs | None = None) -> NoTradeBands:
        """The policy as arrays on a market of T days and n assets; costs do not matter to it.

        Raises : PolicyError for other assets, and for a target that it was not trained for.
        """
        row = np.maximum(targets.row, 0)
        first = [market.dates[int(np.argmax(row == k))] for k in range(len(targets.rows))]
        asked = last_of(market.days, self.schedule, market.calendar)
        return self._bands(market, asked, row, targets.rows, self._recent(market.returns, market.cash), first)

    def known_from(self, targets: TargetPath) -> int:
        """The first row of a market from which on it was trained for every target of the path in force."""
        strange = np.flatnonzero(~self._alike(targets.rows).any(axis=1))
        return int(np.flatnonzero(np.isin(np.maximum(targets.row, 0), strange)).max(initial=-1)) + 1

    def features(self, view: View) -> Array:
        """(k,) the features of a view before scaling, in the order and units of `research.rules.networks.features`."""
        past, out = view.past, np.empty(len(self.standard.mean))
        kind = int(self._kinds(past.assets, view.target[None], [past.date])[0])
        recent = strategic_returns(self.scales.target, kind, past.returns[-LOOKBACK:], past.cash[-LOOKBACK:])
        observe(view.weights, recent, view.days_since_trade, self.scales, kind, out)
        return out

    def answer(self, view: View) -> Floats:
        """(m,) the numbers of its action on a view, as `research.rules.networks.actions` reads them."""
        seen = np.empty((1, len(self.standard.mean)), np.float32)
        standardise(self.features(view)[None], self.standard, seen)
        numbers = np.empty((1, len(self.net.bias_2)), np.float32)
        forward(self.net, seen, numbers)
        return numbers[0]

    def save(self, folder: str | Path) -> Path:
        """Write card and arrays into `folder`, created if missing, and give the folder.

        The files are `card.json` and `policy-<checksum>.safetensors`, which the card names by its checksum.

        Raises : ConfigError for an allocation that cannot be saved without its code.
        """
        arrays = {
            **self.net._asdict(),
            **self.standard._asdict(),
            **self.scales._asdict(),
            "volatility": np.array([self.scales.volatility]),
        }
        card = {
            **self.card,
            "format": LEARNED_FORMAT,
            "allocation": _allocation_settings(self.allocation),
            "schedule": self.schedule,
            "action": self.action,
            "assets": list(self.assets),
            "seen": f"{self.seen:%Y-%m-%d}",
        }
        return write_checksummed(Path(folder), card, arrays)

    @classmethod
    def load(cls, folder: str | Path) -> "LearnedPolicy":
        """The policy in a folder that `save` wrote; no code is run from it.

        Raises : DataError for a file that is missing, damaged, or of another format.
        """
        card, arrays = read_policy_folder(Path(folder), LEARNED_FORMAT)
        try:
            return _policy(card, arrays)
        except KeyError as error:
            raise DataError(f"{folder} holds no valid policy: {error.args[0]} is missing. {POLICY_FIX}") from error
        except (ArithmeticError, IndexError, TypeError, ValueError) as error:
            raise DataError(f"{folder} holds no valid policy: {cut(str(error))}. {POLICY_FIX}") from error

    def __repr__(self) -> str:
        """One line: its allocation, its schedule, its seed, and the last day of its training."""
        return (
            f"LearnedPolicy({self.allocation!r}, schedule={self.schedule!r}, seed={self.card.get('seed')}, "
            f"seen={self.seen:%Y-%m-%d})"
        )

    def _recent(self, returns: Array, cash: Array) -> Array:
        """(T, kinds) return of each target that it was trained for, rebalanced daily at no cost."""
        columns = [strategic_returns(self.scales.target, k, returns, cash) for k in range(len(self.scales.target))]
        return np.column_stack(columns)

    def _bands(
        self, market: Market | Past, asked: Mask, row: Rows, target: Array, recent: Array, days: Sequence[pd.Timestamp]
    ) -> NoTradeBands:
        """Its arrays with K targets (K, n), the first days of which are `days`; the network makes the boxes."""
        kind = self._kinds(market.assets, target, days)
        units = max(len(b) for b in (self.standard.mean, self.net.bias_0, self.net.bias_1, self.net.bias_2))
        network = NetworkBoxes(
            whose=POLICY_NETWORK, width=units, standard=self.standard, policy=self.net, scales=self.scales,
            action=ACTIONS.index(self.action), recent=frozen(recent), kind=frozen(kind),
        )  # fmt: skip
        options = RuleOptions(some=True, makes_boxes=True, goal=NETWORK, network=network)
        rows = restricted(without_bands(target), market)
        return NoTradeBands(asked, row, **rows, fraction=1.0, trigger="learned", options=options, again=False)  # type: ignore[arg-type]

    def _kinds(self, assets: tuple[str, ...], target: Array, days: Sequence[pd.Timestamp]) -> Rows:
        """(K,) the row of its scales for each target (K, n).

        days   : days on which each came into force.
        Raises : PolicyError for other assets, and for a target that it was not trained for.
        """
        if assets != self.assets:
            raise PolicyError(
                f"a learned policy for {', '.join(self.assets)} cannot decide for {', '.join(assets)}. Select its "
                "assets, in this order, or train another policy."
            )
        same = self._alike(target)
        if not same.any(axis=1).all():
            k = int(np.argmin(same.any(axis=1)))
            strange = np.flatnonzero((target[k] != 0.0) & ~(self.scales.target != 0.0).any(axis=0))
            names = ", ".join(self.assets[i] for i in strange)
            why = f"its targets do not hold {names}" if names else "it was trained for other weights"
            raise PolicyError(
                f"a learned policy was not trained for the target on {days[k]:%Y-%m-%d}: "
                f"{why}. Train it for this target, on days on which all its assets are listed."
            )
        return same.argmax(axis=1)

    def _alike(self, target: Array) -> Mask:
        """(K, kinds) true where a target (K, n) is one that it was trained for."""
        alike: Mask = np.abs(self.scales.target - target[:, None]).max(axis=2) < TARGET_TOLERANCE
        return alike


# -- on disk: numbers in safetensors, the card in JSON; reading them runs no code from either --------------------------


def _policy(card: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> LearnedPolicy:
    for name, array in arrays.items():
        if array.dtype not in (np.float32, np.float64):
            raise ValueError(f"{name} holds numbers of type {array.dtype}, expected float32 or float64")
    assets, every = tuple(card["assets"]), card["schedule"]
    *layers, bounded = (arrays[name] for name in Network._fields)
    net = network(layers, bool(bounded[0]))
    n, seen = len(assets), len(SHARED_FEATURES) + len(assets)
    m = action_size(card["action"], n)
    volatility = float(arrays["volatility"][0])
    measured = scales_of(arrays["target"], arrays["half_width"], arrays["covariance"], volatility)
    standard = FeatureScaling(frozen(arrays["mean"]), frozen(arrays["deviation"]))
    units = net.weight_1.shape
    kinds, own = len(measured.target), ((seen, units[0]), units[:1], units, units[1:], (units[1], m), (m,), (1,))
    shapes = dict(zip(Network._fields, own, strict=True)) | {"mean": (seen,), "deviation": (seen,)}
    shapes |= {"target": (kinds, n), "half_width": (kinds, n), "covariance": (kinds, n, n)}
    for name, shape in shapes.items():
        if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} has shape {arrays[name].shape}, expected {shape} finite numbers")
    for name in ("volatility", "deviation"):
        if not (arrays[name] > 0.0).all():
            raise ValueError(f"{name} is {arrays[name].min()}, expected more than 0")
    if (measured.half_width < 0.0).any():
        raise ValueError(f"half_width is {measured.half_width.min()}, expected 0 or more")
    return LearnedPolicy(
        allocation=_allocation(card["allocation"]),
        schedule=every,
        assets=assets,
        seen=pd.Timestamp(card["seen"]),
        scales=measured,
        standard=standard,
        net=net,
        card=card,
        action=card["action"],
    )


def _allocation_settings(allocation: Allocation) -> dict[str, Any]:
    kind = next((name for name, cls in PLAIN_ALLOCATIONS.items() if type(allocation) is cls), None)
    if kind is None:
        raise ConfigError(
            "a learned policy can be saved only with one of "
            f"{', '.join(c.__name__ for c in PLAIN_ALLOCATIONS.values())}, but it "
            f"holds {shown(allocation)}, whose code would have to run when it is loaded. Use one of these allocations."
        )
    settings: dict[str, Any] = {"kind": kind, "unlisted": allocation.unlisted}  # type: ignore[attr-defined]
    if isinstance(allocation, FixedWeights):
        settings["weights"] = [list(w) if isinstance(w, tuple) else w for w in allocation.weights]
    return settings


def _allocation(settings: Mapping[str, Any]) -> Allocation:
    cls = PLAIN_ALLOCATIONS[settings["kind"]]
    given = {name: value for name, value in settings.items() if name != "kind"}
    return cls(**given)
