"""The asset of a portfolio that a broker's row names: as declared, as written, else by the table of instruments."""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property

from foundation.dataclasses import dataclass, field
from foundation.errors import DataError
from foundation.paper.wording import grouped
from research.market.reading.known_instruments import known_instruments

OF_CLASS = re.compile(r"([A-Z]{1,5})[-./ ]([A-Z])")  # a share and its class, which some write together: BRK-B, BRKB


@dataclass(frozen=True)
class AssetNames:
    """The names of the assets of a portfolio at its brokers.

    assets   : the assets.
    declared : by the broker's symbol, the asset that it is, or another word of `symbols`.
    """

    assets: Sequence[str]
    declared: Mapping[str, str] = field(default_factory=dict)

    def of(self, symbol: str) -> str:
        """The asset of a symbol, an ISIN or a name; the symbol, or what is declared of it, where it is none.

        >>> AssetNames(["BRK-B", "META"]).of("BRK/B"), AssetNames(["BRK-B", "META"]).of("FB")
        ('BRK-B', 'META')
        """
        named = self.declared.get(symbol, symbol)
        if named in self._known or not named:
            return named
        one = known_instruments().find(named)
        if one is not None:
            return self._by_id.get(one.asset_id) or named
        return self._joined.get(named.upper(), named)

    def first(self, *texts: str) -> str:
        """The asset that the texts of a row name; where none does, the first text, or what is declared of it.

        Raises : DataError where two of them name different assets.
        """
        declared = [self.declared[text] for text in texts if text in self.declared]
        found = declared or list(dict.fromkeys(asset for text in texts if (asset := self.of(text)) in self._known))
        if len(found) > 1 and not declared:
            named = " and ".join(f"{text!r} is {self.of(text)}" for text in texts if self.of(text) in self._known)
            raise DataError(f"the row names two assets: {named}. Say which it is, by its symbol.")
        return (found or [text for text in texts if text] or [""])[0]

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.assets)

    @cached_property
    def _by_id(self) -> dict[str, str]:
        """The asset of each instrument that only one is."""
        known = known_instruments()
        found = grouped((one.asset_id, asset) for asset in self.assets if (one := known.find(asset)))
        return {id: own[0] for id, own in found.items() if len(own) == 1}

    @cached_property
    def _joined(self) -> dict[str, str]:
        """The assets that are a class of a share, by its symbol and class written together or with any sign between."""
        matches = ((asset, match) for asset in self.assets if (match := OF_CLASS.fullmatch(asset.upper())))
        return {f"{m[1]}{sign}{m[2]}": asset for asset, m in matches for sign in ("", "-", ".", "/", " ")}
