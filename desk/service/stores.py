"""The stores of prices that a tenant reads: his own, in his folder, and those that the operator shares.

The first tenant is the operator's own house: his stores are those that `rebalance data` fills. Of these the other
tenants read the tables that `rebalance data import` took, and sources whose terms allow passing on
(`Adapter.may_pass_on`): neither what a tool fetched, whose terms nobody knows, nor what a user of his uploaded.
"""

import os
from contextlib import suppress
from pathlib import Path

from desk.feeds.adapters import ADAPTERS
from desk.service.folders import STORES_OF_TENANT
from foundation.errors import DataError
from foundation.home import SHARED_STORES, STORES
from research.market.reading.imports import IMPORTED
from research.market.reading.known_instruments import INSTRUMENTS_FILE
from research.market.store import PriceStore, stores_among, stores_folder

FIRST_TENANT = "house"


def own_stores(root: Path) -> Path:
    """The folder of the stores of a tenant, who has this root."""
    return stores_folder() if root.name == FIRST_TENANT else root / STORES_OF_TENANT


def shared_stores(root: Path) -> list[Path]:
    """The paths of the operator's stores, and of his table of instruments, that a tenant reads too."""
    if root.name == FIRST_TENANT:
        return []
    table, there = stores_folder() / INSTRUMENTS_FILE, stores_among(stores_folder())
    shared = [store.folder for name, store in there.items() if _may_be_shared(name, store)]
    return [*shared, *([table] if table.is_file() else [])]


def _may_be_shared(name: str, store: PriceStore) -> bool:
    if name in ADAPTERS:
        return ADAPTERS[name].may_pass_on
    with suppress(DataError):  # its description cannot be read
        return bool(store.about.get(IMPORTED))
    return False


def stores_of(root: Path) -> dict[str, PriceStore]:
    """The stores that a tenant reads, by name."""
    return stores_among(own_stores(root), shared_stores(root))


def stores_environment(root: Path, *, writes: bool = False) -> dict[str, str]:
    """The variables of a process that reads the stores of a tenant.

    writes : true for one that fills them: it has his own alone, and the table of instruments.
    """
    shared = [path for path in shared_stores(root) if path.is_file() or not writes]
    return {STORES: str(own_stores(root)), SHARED_STORES: os.pathsep.join(map(str, shared))}
