"""Tables imported into a store, and read again where they lie: what the store takes of them, and what it refuses.

A store keeps the place of its tables, the options stated, and the sha256 of each file that it took: an update reads the
others. A file is taken whole or not at all.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from foundation.arguments import cut
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, DataError
from foundation.paper.wording import item_lines
from foundation.table_files import MOST_OF_FRAMES, read_bytes
from research.market.notes import counted
from research.market.reading.grids import TABLES, TEXT_ENDINGS
from research.market.reading.price_import import Understood, understand
from research.market.rows import SOURCE_ROUNDING
from research.market.store import ABOUT_FILE, PriceStore, revision_texts

IMPORTED = "imported"  # fact of a store: {"path": …, "options": {…}, "read": {name of a file: sha256}}
NO_OPTION = "not stated"
BESIDE_FILES = (".", "~$")  # begin the names of files that programs keep beside those of a user
PROSE = ("readme", "read_me", "license", "licence", "notice", "changelog")  # begin the names of texts beside tables
LEFT_OUT_NOTE = "left out, since they are no tables"


@dataclass(frozen=True)
class ImportOrigin:
    """The place that a store was imported from.

    path    : a table, or a folder of tables.
    options : those of `understand` that were stated.
    read    : sha256 of each file that was taken, by its name.
    """

    path: Path
    options: Mapping[str, str]
    read: Mapping[str, str]

    def files(self) -> tuple[list[Path], list[str]]:
        """The tables, by name, and the names of the other files of a folder.

        Raises : DataError where there is no table, and for a folder that cannot be read.
        """
        if not self.path.is_dir():
            return [self.path], []
        try:
            found = sorted(self.path.iterdir())
        except OSError as error:
            raise DataError(f"{self.path} cannot be read ({error.strerror}). Allow reading it.") from error
        found = [file for file in found if not (file.name.startswith(BESIDE_FILES) or file.is_dir())]
        named = {file: file.name.lower() for file in found}
        tables = [file for file, name in named.items() if name.endswith(TABLES) and not name.startswith(PROSE)]
        if not tables:
            raise DataError(f"{self.path} has no tables. Name a table, or a folder of tables.")
        return tables, [file.name for file in found if file not in tables]


class ImportedTable(NamedTuple):
    """A table that a store may take: as it was understood, its rows, and the sha256 of its file."""

    understood: Understood
    rows: pd.DataFrame
    digest: str


def origin_of(store: PriceStore) -> ImportOrigin | None:
    """The place that a store was imported from, None where it does not say one. Raises DataError for a wrong fact."""
    fact = store.about.get(IMPORTED)
    if fact is None:
        return None
    with suppress(KeyError, TypeError, ValueError):
        return ImportOrigin(Path(fact["path"]), dict(fact["options"]), dict(fact["read"]))
    raise DataError(
        f"{store.folder / ABOUT_FILE}: `{IMPORTED}` is {cut(str(fact))}, no origin. Import the tables anew."
    )


def import_tables(store: PriceStore, path: Path, moment: np.datetime64, options: Mapping[str, str]) -> list[str]:
    """Take a table or all of a folder, or none where one is refused: what was understood of each, and what was kept.

    Where two files have one session, that of the later name counts.

    moment  : moment, in UTC, at which the tables are known.
    options : those of `understand`.
    Raises  : DataError for a table that cannot be understood, for a day that lies ahead in UTC, and for another
              currency than the store's; ConfigError for closes that are adjusted otherwise than those of the store.
    """
    origin = ImportOrigin(path.resolve(), options, {})
    files, others = origin.files()
    tables, failed = _read_tables(store, files, options, moment)
    if failed:
        raise failed[0]
    texts = [
        f"{table.understood.text()}\n\n{len(kept):,} rows were new or changed; store {store.name!r} has them."
        for table, kept in zip(tables, _take(store, origin, tables), strict=True)
    ]
    return [*texts, "\n".join(_listed(LEFT_OUT_NOTE, others))] if others else texts


def update_tables(
    store: PriceStore, origin: ImportOrigin, moment: np.datetime64, *, dry_run: bool = False
) -> tuple[str, bool]:
    """Take the tables of the origin that are new or have changed: text for a terminal, and whether none was refused.

    moment  : moment, in UTC, at which they are known.
    dry_run : true to only say which would be read.
    Raises  : DataError where the origin is gone or empty.
    """
    if not origin.path.exists():
        raise DataError(
            f"{origin.path}, from which store {store.name!r} was imported, is not there. Put it back, or import the "
            f"tables from their new place: `rebalance data import PATH --as {store.name}`."
        )
    files, others = origin.files()
    changed = [file for file in files if not (digest := _digest(file)) or digest != origin.read.get(file.name)]
    said = f"{counted(len(changed), 'file')} of {origin.path} ({len(files) - len(changed):,} more as before)"
    if dry_run:
        return "\n".join([f"{store.name}: {said} would be read.", *(f"- {file.name}" for file in changed)]), True
    before, kept = set(store.assets()), [store.rows([])]
    tables, failed = _read_tables(store, changed, origin.options, moment, _refuse_cut)
    gone = sorted(origin.read.keys() - {file.name for file in files})
    if tables or gone:
        there = {name: digest for name, digest in origin.read.items() if name not in gone}
        kept += _take(store, replace(origin, read=there), tables)
    rows = pd.concat(kept)
    revisions = store.revisions(list(rows["asset_id"].unique()))
    revisions = revisions[revisions["known_after"] >= moment]
    return "\n".join(
        [
            f"{store.name}: {counted(len(rows), 'row')} new or changed, from {said}.",
            *_listed(counted(len(revisions), "number") + " of the past changed", revision_texts(revisions)),
            *_listed("new assets", sorted({*rows["asset_id"]} - before)),
            *_listed("refused, and nothing of them taken", map(str, failed)),
            *_listed("gone, while their rows stay in the store", gone),
            *_listed(LEFT_OUT_NOTE, others),
        ]
    ), not failed


def _listed(what: str, items: Iterable[str]) -> list[str]:
    """Lines with a head and the first items, none without any."""
    lines = item_lines(items)
    return [f"{what}:", *lines] if lines else []


# -- taking tables ---------------------------------------------------------------------------------------------------


def _read_tables(
    store: PriceStore,
    files: Sequence[Path],
    options: Mapping[str, str],
    moment: np.datetime64,
    check: Callable[[Path], None] | None = None,
) -> tuple[list[ImportedTable], list[DataError | ConfigError]]:
    """The tables that the store may take, each known a microsecond after the one before, and why it may not others."""
    tables, failed = list[ImportedTable](), list[DataError | ConfigError]()
    before = store.about.get("adjustment", "") if store.parts else None
    for place, file in enumerate(files):
        try:
            if check is not None:
                check(file)
            digest, understood = _digest(file), understand(file, **options)
            rows = understood.rows(moment + np.timedelta64(place, "us"), store.name)
            stated = understood.adjustment or ""
            if before not in (stated, None):
                raise ConfigError(
                    f"the closes of {file.name} are {stated or NO_OPTION}, and those of store {store.name!r} are "
                    f"{before or NO_OPTION}: one series has one adjustment. Import the table under another name, or "
                    "correct --adjustment."
                )
            known = _known(store, understood.bars.assets, tables)
            _refuse_other_rows(known, rows, file.name, moment, store.name)
            if stated != "raw":
                _refuse_adjusted_since(known, rows, file.name, store.name)
        except (DataError, ConfigError) as error:
            failed.append(error)
        else:
            tables.append(ImportedTable(understood, rows, digest))
            before = stated
    return tables, failed


def _known(store: PriceStore, ids: Sequence[str], earlier: Sequence[ImportedTable]) -> pd.DataFrame:
    """The rows in force of some assets, in the store and in tables before it."""
    both = [table.rows for table in earlier if not {*ids}.isdisjoint(table.understood.bars.assets)]
    known = pd.concat([store.rows(ids), *(rows[rows["asset_id"].isin(ids)] for rows in both)])
    key = ["asset_id", "session"]
    return known.drop_duplicates(key, keep="last").sort_values(key, ignore_index=True) if both else known


def _take(store: PriceStore, origin: ImportOrigin, tables: Sequence[ImportedTable]) -> list[pd.DataFrame]:
    """Add the rows of tables to a store, and what it must say of them: the rows that were new or changed, of each."""
    notes = [*store.about.get("notes", ()), *(note for table in tables for note in table.understood.notes)]
    adjustment = next((table.understood.adjustment or "" for table in tables), store.about.get("adjustment", ""))
    fact = {"path": str(origin.path), "options": {**origin.options}, "read": {**origin.read}}
    store.describe(adjustment=adjustment, notes=list(dict.fromkeys(notes)), **{IMPORTED: fact})
    kept = [store.add(table.rows) for table in tables]  # where it is killed, they are read again
    fact["read"] = {**origin.read, **{table.understood.bars.file: table.digest for table in tables}}
    store.describe(**{IMPORTED: fact})
    return kept


def _digest(file: Path) -> str:
    """The sha256 of what a file holds, unpacked; "" where it cannot be read."""
    with suppress(DataError):
        return hashlib.sha256(read_bytes(file, MOST_OF_FRAMES)).hexdigest()
    return ""


def _refuse_cut(file: Path) -> None:
    """Raise DataError for a text that ends within a line: nobody looks at its last row, as at that of an import."""
    if file.name.lower().endswith(TEXT_ENDINGS) and not set(read_bytes(file, MOST_OF_FRAMES)[-2:]) & set(b"\r\n"):
        raise DataError(f"{file.name} ends within a line, and may be cut off. Copy it anew, or end its last line.")


# -- what a store does not take --------------------------------------------------------------------------------------


def _refuse_other_rows(known: pd.DataFrame, rows: pd.DataFrame, file: str, moment: np.datetime64, store: str) -> None:
    """Raise DataError for a day that lies ahead in UTC, and for an asset in another currency than in the store."""
    late = rows[rows["session"].to_numpy() > moment.astype("datetime64[D]")]
    if len(late):
        row = late.iloc[0]
        raise DataError(
            f"{file} has a price of {row['asset_id']} on {row['session']:%Y-%m-%d}, which lies ahead. Correct the "
            "dates, or leave such rows out."
        )
    newest = known.drop_duplicates("asset_id", keep="last")
    both = newest.merge(rows.drop_duplicates("asset_id"), on="asset_id", suffixes=("_before", ""))
    other = both[both["currency"] != both["currency_before"]]
    if len(other):
        row = other.iloc[0]
        raise DataError(
            f"{row['asset_id']} is in {row['currency'] or 'no currency'} in {file}, and in "
            f"{row['currency_before'] or 'no currency'} in store {store!r}. State --currency, or import the table "
            "under another name."
        )


def _refuse_adjusted_since(known: pd.DataFrame, rows: pd.DataFrame, file: str, store: str) -> None:
    """Raise ConfigError for adjusted closes that differ from the store's where they first meet, and leave some of them.

    A dividend since changes all closes before it by one factor: so only a table of the whole past may have it.
    """
    both = known.merge(rows, on=["asset_id", "session"], suffixes=("_before", ""))
    first = both.drop_duplicates("asset_id").set_index("asset_id")
    apart = (first["close"] / first["close_before"] - 1.0).abs() > SOURCE_ROUNDING
    part = both["asset_id"].value_counts().lt(known["asset_id"].value_counts())
    for asset in first.index[apart & part[first.index]]:
        row = first.loc[asset]
        raise ConfigError(
            f"the close of {asset} on {row['session']:%Y-%m-%d} is {row['close']:g} in {file} and "
            f"{row['close_before']:g} in store {store!r}, which has days that the table lacks: adjusted closes "
            "change with each dividend. Import a table of the whole past, or under another name."
        )
