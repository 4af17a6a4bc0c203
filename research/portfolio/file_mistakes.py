"""The mistakes of a portfolio file that are found before its prices are read."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from research.allocation import FixedWeights
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults, Mistakes
from research.portfolio.file.lengths import in_rows
from research.portfolio.file.policy_keys import policy_in_force, policy_names
from research.portfolio.file.strict_yaml import KeyPath
from research.portfolio.holdings.exposures import read_exposures
from research.portfolio.holdings.holdings import position_keys, right_names
from research.portfolio.holdings.household import stated_accounts
from research.portfolio.holdings.lines import check_range, stated_key, strategic_of
from research.portfolio.holdings.tax_file import read_tax_lots, tax_keys
from research.portfolio.keys.costs import COST_KEYS, costs_of_lines
from research.portfolio.keys.flows import read_flows
from research.portfolio.keys.forecasts import read_forecasts
from research.portfolio.keys.limits import read_execution
from research.portfolio.keys.market import market_reader
from research.portfolio.keys.orders import read_order_limits
from research.portfolio.keys.policies import read_policies
from research.portfolio.keys.stress import read_stress
from research.portfolio.keys.ticket import read_ticket
from research.risk.measures import TRACKING_PENALTY

# What policies and forecasts take from the whole file; none of their checks depends on the numbers.
SHARED: dict[str, Any] = {"tracking_penalty": TRACKING_PENALTY, "periods_per_year": 252.0, "returns": 252, "ranges": ()}


class UnreadMarket:
    """A market before its prices are read: the names of its assets, and their classes and sectors where all state one.

    Whatever else is asked of it raises `Mistakes` without one: it is judged once prices are read. So are classes while
    an asset is of one that has no costs, since either may be written wrongly.
    """

    def __init__(self, told: Document, sound: Document) -> None:
        self._told, self._sound = told, sound

    @property
    def assets(self) -> tuple[str, ...]:
        """The names of the assets, also of those that are wrong."""
        return tuple(self._told.mapping("lines"))

    def __getattr__(self, name: str) -> Any:
        """The classes or sectors of the assets."""
        if name not in ("asset_class", "sector"):
            raise Mistakes
        for asset in self.assets:
            self._sound.value("lines", asset, "exposures", default=None)  # a split that is wrong may name others
        stated = [self._sound.value("lines", asset, name, default=None) for asset in self.assets]
        known = self._sound.mapping("costs") if name == "asset_class" else stated
        if None in stated or not set(stated) <= set(known):
            raise Mistakes
        return tuple(stated)


def find_mistakes(document: Document, faults: Faults) -> None:
    """Find what is wrong in a file besides its form, and needs no prices to be found.

    document : portfolio file.
    faults   : mistakes of its form; takes the others. What can be judged only once another is mended is left out.
    """
    told, sound = document.knowing(faults), document.without(faults)
    assets = _names(told, "lines")
    splits = {}
    for asset in assets:
        with faults:
            splits[asset] = read_exposures(sound, ("lines", asset))
    splits, sound = {asset: split for asset, split in splits.items() if split}, document.without(faults)
    market: Any = UnreadMarket(told, sound)
    names, count = _names(told, "policies"), max(len(assets), 1)
    timed = in_rows(sound, SHARED["periods_per_year"])
    strategic, none = FixedWeights((1.0 / count,) * count), np.zeros(count)
    checks: list[Callable[[], object]] = [
        lambda: market_reader(sound),
        lambda: strategic_of(sound, market.assets),
        *(partial(check_range, sound, asset) for asset in assets),
        *(partial(_check_holding, sound, ("lines", asset)) for asset in assets),
        lambda: costs_of_lines(sound, _with_class(sound, assets)),
        lambda: tax_keys(sound, market.assets) if sound.has("tax") else None,
        lambda: read_tax_lots(sound, market, None, none, ()),
        lambda: read_flows(sound, market, read_execution(sound)),
        lambda: read_order_limits(sound, market, none, none, splits),
        lambda: read_ticket(sound, market),
        lambda: right_names(sound, market.assets),
        lambda: position_keys(sound, market.assets) if sound.has("positions") else None,
        lambda: _check_accounts(sound, market.assets),
        lambda: read_stress(sound, market),
        lambda: policy_names(told),
        lambda: read_policies(timed, names, market, strategic, SHARED),
        lambda: read_forecasts(timed, market, strategic, SHARED),
        *(partial(policy_in_force, sound, key, names) for key in ("policy", "reference") if names),
    ]
    for check in checks:
        with faults:
            check()


def _names(told: Document, key: str) -> tuple[str, ...]:
    """The keys below a key, () where it is wrong as a whole."""
    with Faults():
        return tuple(told.mapping(key))
    return ()


def _check_holding(document: Document, path: KeyPath) -> None:
    """Raise ConfigError for an asset whose holding is stated twice, or nowhere: not in an account or a file."""
    if not (document.has("accounts") or document.has("positions")):
        stated_key(document, path)


def _check_accounts(document: Document, assets: tuple[str, ...]) -> None:
    if document.has("accounts") and not document.has("positions"):
        stated_accounts(document, assets, None, document.text("basis"))


def _with_class(document: Document, assets: tuple[str, ...]) -> list[tuple[str, str, dict[str, Any]]]:
    """The assets that state a class, with it and the costs that they state themselves."""
    found = []
    for asset in assets:
        with Faults():
            line = {key: document.value("lines", asset, key, default=None) for key in ("asset_class", *COST_KEYS)}
            own = {key: cost for key, cost in line.items() if key in COST_KEYS and cost is not None}
            found += [(asset, line["asset_class"], own)] if line["asset_class"] else []
    return found
