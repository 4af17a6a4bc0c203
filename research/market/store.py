"""The store of prices: rows as they came, never changed, each with the moment at which it was known.

A store is a folder of Parquet files, its parts, each written whole and named by its moment and content. What is known
is the set of all rows, whichever parts hold them: so two writers need no lock, a row that stands in two parts counts
once, and a part may be replaced by one that holds its rows and others'. Of several rows of one asset and session the
latest known is in force; the earlier ones are its history.
"""

import hashlib
import io
import json
import os
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from foundation.arguments import cut, did_you_mean
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from foundation.files import ROOT, locked, sync_names, write_whole
from foundation.home import SHARED_STORES, STORES, home_folder, stated_folder
from foundation.names import check_name
from research.market.calendars import Days
from research.market.rows import FIRST_DAY, LAST_DAY, NUMBERS, ROW_COLUMNS, UNDATED, differs, sessions_of

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

Found = TypeVar("Found")
FORMER_STORES = ROOT / "data" / "prices"  # where stores were until there was one folder a person
ABOUT_FILE = "store.json"
ASSETS_A_PART = 100  # of a part that joins others
LEAST_GROUP = 1_000  # rows of a group of such a part, which is found by its statistics: more are of one asset
SMALL_PARTS = 32  # small ones, past which they are joined
FOLDS = 3  # by how many times more joined parts there may be than their assets need, before all are joined
SMALL, JOINED = "-s.parquet", "-j.parquet"  # end the names of parts
REPEATED = ["asset_id", "split", "dividend", "currency", "source", "fetched_at"]  # columns of few values, read by them
DAYS_A_KEY = 2**22  # more than the days from the first to the last that is read
ROWS_SCHEMA = pa.schema(
    [
        ("asset_id", pa.dictionary(pa.int32(), pa.string())),
        ("session", pa.date32()),
        *((name, pa.float64()) for name in NUMBERS),
        ("currency", pa.dictionary(pa.int32(), pa.string())),
        ("source", pa.dictionary(pa.int32(), pa.string())),
        ("fetched_at", pa.timestamp("us", tz="UTC")),
    ]
)

_FRAME_SCHEMA = pa.schema(  # of a table of rows, as pandas has them, with the index of each asset
    [
        ("asset", pa.int64()),
        ("session", pa.timestamp("s")),
        *((name, pa.float64()) for name in NUMBERS),
        ("currency", pa.string()),
        ("source", pa.string()),
        ("fetched_at", pa.timestamp("us")),
    ]
)


def stores_folder() -> Path:
    """The folder of all stores. It may not be there yet.

    That of `REBALANCE_DATA`; else `data/prices` of a workbench that has stores there; else `prices` in `home_folder`.
    """
    return stated_folder(STORES) or (FORMER_STORES if any(FORMER_STORES.glob("*")) else home_folder() / "prices")


def stored_path(name: str) -> Path:
    """The path of a store, or of a file, of this name: one's own, else one that `REBALANCE_SHARED_DATA` names.

    That variable has paths, apart by the system's separator; what is written goes into one's own folder.
    """
    own, shared = stores_folder() / name, _shared_paths().get(name)
    return own if shared is None or own.is_file() or (own / ABOUT_FILE).is_file() else shared


def store_names() -> list[str]:
    """The names of the stores that are there: one's own, and the shared ones."""
    return [*stores_among(stores_folder(), _shared_paths().values())]


def stores_among(folder: Path, shared: Iterable[Path] = ()) -> dict[str, "PriceStore"]:
    """The stores of a folder, and of other paths those whose names it does not have, by name.

    A path that is no store is left out.
    """
    own = folder.iterdir() if folder.is_dir() else ()
    paths = {path.name: path for path in (*shared, *own) if (path / ABOUT_FILE).is_file()}
    return {name: PriceStore(paths[name], name) for name in sorted(paths)}


def _shared_paths() -> dict[str, Path]:
    return {Path(path).name: Path(path) for path in os.environ.get(SHARED_STORES, "").split(os.pathsep) if path}


@dataclass(frozen=True, eq=False)
class KnownBars:
    """The bars that a store knew of some assets at a moment, in order of asset and session.

    assets   : n ids.
    asset    : (R,) index into `assets`.
    days     : (R,) sessions.
    numbers  : {column: (R,)}.
    currency : (n,) code of the currency of each asset's last bar, "" for a series of rates.
    moment   : moment, in UTC, at which the last of these rows was known: who reads as of it finds the same.
    """

    assets: tuple[str, ...]
    asset: NDArray[np.int64]
    days: Days
    numbers: Mapping[str, Array]
    currency: tuple[str, ...] = ()
    moment: np.datetime64 = UNDATED

    @cached_property
    def bounds(self) -> NDArray[np.int64]:
        """(n + 1,) where the rows of each asset begin, and where those of the last end."""
        return np.searchsorted(self.asset, np.arange(len(self.assets) + 1))

    @cached_property
    def slices(self) -> list[slice]:
        """The rows of each asset."""
        return [slice(first, last) for first, last in pairwise(self.bounds.tolist())]

    @cached_property
    def fingerprint(self) -> str:
        """sha256, in hex, over the ids, sessions and numbers."""
        digest = hashlib.sha256("\0".join(self.assets).encode())
        for values in (self.asset, self.days.astype("int64"), *(self.numbers[name] for name in sorted(self.numbers))):
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()


def known_of_rows(rows: pd.DataFrame) -> KnownBars:
    """Rows of a table with `ROW_COLUMNS`, those with a close, in order of asset and session; repeated ones stay."""
    rows = rows[rows["close"].notna()].sort_values(["asset_id", "session", "fetched_at"], kind="stable")
    asset, names = pd.factorize(rows["asset_id"])
    numbers = {name: rows[name].to_numpy(float) for name in NUMBERS}
    return KnownBars(tuple(map(str, names)), asset.astype("int64"), sessions_of(rows), numbers)


@dataclass(frozen=True)
class PriceStore:
    """A store in a folder: `about` says what it holds, `add` adds rows, `read` and `rows` give them."""

    folder: Path
    name: str = ""
    ending: str = ".parquet"  # of the names of the parts that are read

    @property
    def parts(self) -> list[Path]:
        """Its files of rows, by moment."""
        return sorted(self.folder.glob(f"*{self.ending}"))

    @property
    def size(self) -> int:
        """The number of rows in its parts."""
        return sum(group.rows for group in self._all_groups())

    @property
    def about(self) -> dict[str, Any]:
        """The content of `store.json`, such as `adjustment` of its quotes. Raises DataError where it cannot be read."""
        path = self.folder / ABOUT_FILE
        try:
            found = json.loads(path.read_text())
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path} is no JSON: {error}. Restore it, or fetch or import the store anew.") from error
        if not isinstance(found, dict):
            raise DataError(f"{path} is {cut(str(found))}, no JSON object. Restore it, or remove it and fetch anew.")
        return found

    def describe(self, **facts: Any) -> None:
        """Write facts into `store.json`, beside those that are there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / ".about.lock", wait=True):
            write_whole(self.folder / ABOUT_FILE, json.dumps(self.about | facts, indent=1, sort_keys=True) + "\n")

    def add(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Keep the rows that are new or differ from those in force by more than `SOURCE_ROUNDING`, and give those kept.

        rows   : (R, ·) table of `price_rows` or `checked_rows`, which check it: it is not checked again. Of one asset
                 and session those of several moments are vintages.
        Raises : OSError where the store cannot be written.
        """
        if rows.empty:
            return rows
        rows = rows.reset_index(drop=True)
        span = {"first": rows["session"].min(), "last": rows["session"].max()}
        known = self.rows(rows["asset_id"].unique().tolist(), **span, history=True)
        kept = rows[~_there(rows, known)].reset_index(drop=True) if len(known) else rows
        if len(kept):
            self._write(kept)
            if len(replace(self, ending=SMALL).parts) > SMALL_PARTS:
                self.compact()
        elif not (self.folder / ABOUT_FILE).is_file():
            self.describe()
        return kept

    def read(
        self, assets: Sequence[str], columns: Sequence[str] = NUMBERS, known_on: np.datetime64 | None = None
    ) -> KnownBars:
        """The bars known of assets, in order; a session whose row in force has no close is left out.

        assets   : n ids.  columns : of the numbers that are wanted; "close" is always among them.
        known_on : a moment in UTC: rows that were known later do not count.
        Raises   : DataError for a damaged part, an asset without rows, and a moment before the first row was known.
        """
        names = tuple(dict.fromkeys(("close", *columns)))
        table = self._table(assets, (*names, "currency"))
        asset, days, keep = self._in_force(table, assets, known_on)
        numbers = {name: table[name].to_numpy()[keep] for name in names}
        moment = table["fetched_at"].to_numpy()[keep].max(initial=np.datetime64(0, "us"))
        bar = ~np.isnan(numbers["close"])
        keep = keep[bar]
        numbers = {name: values[bar] for name, values in numbers.items()}
        found = KnownBars(tuple(assets), asset[bar], days[bar], numbers, moment=moment)
        if (empty := np.flatnonzero(np.diff(found.bounds) == 0)).size:
            self._refuse_absent(assets[int(empty[0])], known_on)
        return replace(found, currency=tuple(table["currency"].take(pa.array(keep[found.bounds[1:] - 1])).to_pylist()))

    def rows(
        self,
        assets: Sequence[str] | None = None,
        *,
        first: Any = None,
        last: Any = None,
        known_on: np.datetime64 | None = None,
        history: bool = False,
    ) -> pd.DataFrame:
        """The rows in force as a table with `ROW_COLUMNS`, those without a close among them.

        assets      : ids, all by default; one that is not there has no rows.
        first, last : sessions, both included.
        known_on    : as in `read`.
        history     : give all rows that were ever in force too, in order of the moments at which they were known.
        """
        ids = self.assets() if assets is None else sorted(set(assets))
        table = self._table(ids, ROW_COLUMNS[2:], first, last)
        if history:
            key = [table[name].to_numpy() for name in ("fetched_at", "session", "asset")]
            keep = np.lexsort(key)
            repeated = np.logical_and.reduce([part[keep][1:] == part[keep][:-1] for part in key]).any()
        else:
            (_, _, keep), repeated = self._in_force(table, ids, known_on), False
        table = table.select(["asset", *ROW_COLUMNS[1:]]).take(pa.array(keep)).cast(_FRAME_SCHEMA)
        frame: pd.DataFrame = table.to_pandas()
        if repeated:  # of a row that stands in two parts
            frame = frame.drop_duplicates(ignore_index=True)
        frame["asset_id"] = pd.array(ids, dtype="str").take(frame["asset"].to_numpy())
        return frame[list(ROW_COLUMNS)]

    def revisions(self, assets: Sequence[str] | None = None) -> pd.DataFrame:
        """Each number of the past that a later answer changed, both kept.

        Returns : table with asset_id, session, column, before, after, known_before and known_after.
        """
        rows = self.rows(assets, history=True)
        again = np.flatnonzero(rows.duplicated(["asset_id", "session"], keep="first").to_numpy())
        values, known = rows[list(NUMBERS)].to_numpy(), rows["fetched_at"].to_numpy()
        place, column = np.nonzero(differs(values[again - 1], values[again]))
        at = again[place]
        found = (
            rows[["asset_id", "session"]]
            .take(at)
            .assign(
                column=pd.array(NUMBERS, dtype="str").take(column),
                before=values[at - 1, column],
                after=values[at, column],
                known_before=known[at - 1],
                known_after=known[at],
            )
        )
        return found.sort_values(["known_after", "asset_id", "session"], kind="stable", ignore_index=True)

    def assets(self) -> list[str]:
        """The ids that it has rows of, sorted."""
        return self._steady(self._ids)

    def _ids(self) -> list[str]:
        found: set[str] = set()
        for path in self.parts:
            groups = _groups(path)
            found.update(group.least for group in groups if group.of_one)
            if mixed := [group.number for group in groups if not group.of_one]:
                with _opened(path) as part:
                    found.update(part.read_row_groups(mixed, columns=["asset_id"])["asset_id"].unique().to_pylist())
        return sorted(found)

    def span(self, assets: Sequence[str]) -> tuple[np.datetime64, np.datetime64] | None:
        """Days between which all rows of these assets lie, None without rows; the days themselves may have none."""
        ids = sorted(assets)
        among = [group for group in self._all_groups() if group.may_have(ids)]
        return (min(group.first for group in among), max(group.last for group in among)) if among else None

    def compact(self) -> None:
        """Join small parts into parts of `ASSETS_A_PART` assets, in groups of rows by asset, which are quick to read.

        All parts are joined once the joined ones are `FOLDS` times as many as their assets need. One that is killed
        leaves rows in two parts, where they count once; one that is under way elsewhere is left alone.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / ".compact.lock", wait=False) as ours:
            if not ours:
                return
            joined = replace(self, ending=JOINED).parts
            whole = len(joined) >= FOLDS * max(len(self.assets()) / ASSETS_A_PART, 1.0)
            among = self if whole else replace(self, ending=SMALL)
            old, ids, new = among.parts, among.assets(), []
            for start in range(0, len(ids), ASSETS_A_PART):
                new.append(self._write(among.rows(ids[start : start + ASSETS_A_PART], history=True), JOINED))
            for path in old:
                if path not in new:
                    path.unlink(missing_ok=True)
            sync_names(self.folder)

    def _write(self, rows: pd.DataFrame, kind: str = SMALL) -> Path:
        """Write rows, in order of their assets, as a whole part: joined ones in groups by asset, others in one group.

        A group of fewer than `LEAST_GROUP` rows takes in the next asset: many small ones take long to read.
        """
        from pyarrow.parquet import ParquetWriter  # slow to import, and embedded prices need none of it

        stamped = rows.assign(fetched_at=rows["fetched_at"].dt.tz_localize("UTC"))
        table, asset = pa.Table.from_pandas(stamped, ROWS_SCHEMA, preserve_index=False), rows["asset_id"].to_numpy()
        begins = [0]
        for start in (np.flatnonzero(asset[1:] != asset[:-1]) + 1).tolist() if kind == JOINED else ():
            if start - begins[-1] >= LEAST_GROUP:
                begins.append(start)
        buffer = io.BytesIO()
        with ParquetWriter(
            buffer, ROWS_SCHEMA, compression="lz4", use_dictionary=REPEATED, write_page_checksum=True
        ) as part:
            for start, stop in pairwise([*begins, len(rows)]):
                part.write_table(table.slice(start, stop - start), row_group_size=stop - start)
        content = buffer.getvalue()
        moment = np.datetime_as_string(rows["fetched_at"].max().to_datetime64(), unit="s")
        name = f"{moment.replace('-', '').replace(':', '')}-{hashlib.sha256(content).hexdigest()[:16]}{kind}"
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / ABOUT_FILE).is_file():
            self.describe()
        return write_whole(self.folder / name, content)

    def _table(self, ids: Sequence[str], columns: Sequence[str], first: Any = None, last: Any = None) -> pa.Table:
        """All rows of these ids, in no order: `asset` (index into `ids`), `session`, `fetched_at` and the columns.

        first, last : sessions, both included.
        """
        index = {name: i for i, name in enumerate(ids)}
        begin, end = (np.datetime64(pd.Timestamp(at), "D") for at in (first or FIRST_DAY, last or LAST_DAY))
        table = self._steady(lambda: self._gathered(index, columns, (begin, end)))
        if first is None and last is None:
            return table
        day = pc.field("session")
        return table.filter((day >= pa.scalar(begin.item())) & (day <= pa.scalar(end.item())))

    def _steady(self, read: Callable[[], Found]) -> Found:
        """The result of a reading of parts, from the start again where another process joins them meanwhile."""
        while True:
            try:
                return read()
            except FileNotFoundError as error:
                if Path(str(error.filename or "")).exists():
                    raise

    def _all_groups(self) -> "list[_Group]":
        return self._steady(lambda: [group for path in self.parts for group in _groups(path)])

    def _gathered(
        self, index: Mapping[str, int], columns: Sequence[str], span: tuple[np.datetime64, np.datetime64]
    ) -> pa.Table:
        """The rows of all groups that have some of these ids and of these sessions."""
        wanted, ids = list(dict.fromkeys(("session", "fetched_at", *columns))), sorted(index)
        found = [ROWS_SCHEMA.empty_table().select(wanted).append_column("asset", pa.array([], pa.int64()))]
        for path in self.parts:
            of_days = (group for group in _groups(path) if group.first <= span[1] and group.last >= span[0])
            among = [group for group in of_days if group.may_have(ids)]
            whole = [group for group in among if group.of_one]
            mixed = [group.number for group in among if not group.of_one]
            if whole or mixed:
                with _opened(path) as part:
                    if whole:
                        codes = np.repeat([index[group.least] for group in whole], [group.rows for group in whole])
                        table = part.read_row_groups([group.number for group in whole], columns=wanted)
                        found.append(table.append_column("asset", pa.array(codes.astype("int64"))))
                    if mixed:
                        found.append(_of_assets(part.read_row_groups(mixed, columns=["asset_id", *wanted]), index))
        return pa.concat_tables(found, promote_options="default")

    def _in_force(
        self, table: pa.Table, ids: Sequence[str], known_on: np.datetime64 | None
    ) -> tuple[NDArray[np.int64], Days, NDArray[np.int64]]:
        """Of each asset and session the row that was known last: index of the asset, session, and row of `table`."""
        asset, days = table["asset"].to_numpy(), table["session"].to_numpy().astype("datetime64[D]")
        moment = table["fetched_at"].to_numpy()
        rows = np.arange(len(asset)) if known_on is None else np.flatnonzero(moment <= known_on)
        key = asset[rows] * DAYS_A_KEY + days[rows].astype("int64")
        if not (key[1:] > key[:-1]).all():
            order = np.argsort(key, kind="stable")
            rows, key = rows[order], key[order]
        again = key[1:] == key[:-1]
        if again.any():
            several = np.append(again, False) | np.append(False, again)
            among = rows[several]
            rows[several] = among[np.lexsort((moment[among], key[several]))]
        rows = rows[np.append(~again, True)[: len(rows)]]
        return asset[rows], days[rows], rows

    def _refuse_absent(self, asset: str, known_on: np.datetime64 | None) -> None:
        first = self.rows([asset], history=True)["fetched_at"].min()
        if known_on is not None and pd.notna(first):
            moment = pd.Timestamp(known_on)
            raise DataError(
                f"nothing was known of {asset} in store {self.name!r} by {moment:%Y-%m-%d %H:%M:%S} UTC: its first "
                f"rows are known since {first:%Y-%m-%d %H:%M:%S} UTC. Choose a later moment."
            )
        raise DataError(f"store {self.name!r} has no prices of {asset!r}. {did_you_mean(asset, self.assets())}")


def _there(rows: pd.DataFrame, known: pd.DataFrame) -> NDArray[np.bool_]:
    """(R,) true for rows that say what was in force by then, or that are there already.

    known : rows by asset, session and moment, one at least.
    """
    ids = {asset: code for code, asset in enumerate(known["asset_id"].unique())}

    def keys(table: pd.DataFrame) -> NDArray[np.int64]:
        codes, names = pd.factorize(table["asset_id"])
        assets = np.array([ids.get(name, -1) for name in names])[codes]
        return np.asarray(assets * DAYS_A_KEY + sessions_of(table).astype("int64"))

    ours, theirs = keys(known), keys(rows)
    latest = np.searchsorted(ours, theirs, side="right") - 1  # the row in force
    there = ours[latest] == theirs
    moments, fetched = known["fetched_at"].to_numpy(), rows["fetched_at"].to_numpy()
    same = there & (moments[latest] <= fetched)  # what was known earlier is another vintage
    same &= (known["currency"].to_numpy()[latest] == rows["currency"].to_numpy()).astype(bool)
    for name in NUMBERS:
        same &= ~differs(known[name].to_numpy()[latest], rows[name].to_numpy())
    for k in np.flatnonzero(there & ~same & (fetched <= moments[latest])).tolist():  # vintages
        same[k] = fetched[k] in moments[np.searchsorted(ours, theirs[k]) : latest[k] + 1]
    return np.asarray(same)


def revision_texts(revisions: pd.DataFrame) -> Iterator[str]:
    """Each of the revisions that `PriceStore.revisions` gives, in words."""
    for row in revisions.itertuples():
        yield f"{row.asset_id} on {row.session:%Y-%m-%d}: {row.column} {row.before:g}, now {row.after:g}"


def named_store(name: str) -> PriceStore:
    """The store of a name, which need not be there yet. Raises ConfigError for what is no name."""
    check_name("the name of a store is", name)
    return PriceStore(stored_path(name), name)


@contextmanager
def _opened(path: Path) -> Iterator["ParquetFile"]:
    """A part; DataError in place of what pyarrow raises for a damaged one, whose pages have checksums."""
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path, memory_map=True, page_checksum_verification=True) as part:
            if not part.schema_arrow.equals(ROWS_SCHEMA):
                raise DataError(f"its columns are {', '.join(part.schema_arrow.names)}")
            yield part
    except FileNotFoundError as error:
        raise FileNotFoundError(error.errno, error.strerror, str(path)) from error
    except Exception as error:  # of a broken file pyarrow raises what it meets
        raise DataError(
            f"{path} is damaged: {cut(str(error))}. Restore it, or delete it and fetch or import its rows anew."
        ) from error


def _of_assets(table: pa.Table, index: Mapping[str, int]) -> pa.Table:
    """The rows of some assets, with `asset`, the index of each, in place of `asset_id`."""
    names = table["asset_id"].combine_chunks()
    of_name = np.array([index.get(name, -1) for name in names.dictionary.to_pylist()], dtype="int64")
    codes = of_name[names.indices.to_numpy()]
    return table.drop_columns("asset_id").append_column("asset", pa.array(codes)).filter(pa.array(codes >= 0))


class _Group(NamedTuple):
    """A group of rows of a part: its number, its least and greatest id, its rows, its first and last session."""

    number: int
    least: str
    most: str
    rows: int
    first: np.datetime64
    last: np.datetime64

    @property
    def of_one(self) -> bool:
        """True if all its rows are of one asset."""
        return self.least == self.most

    def may_have(self, ids: Sequence[str]) -> bool:
        """True if some of these ids, which are sorted, lie between its least and its greatest."""
        return bisect_left(ids, self.least) < bisect_right(ids, self.most)


@lru_cache(maxsize=4096)
def _groups(path: Path) -> tuple[_Group, ...]:
    """The groups of a part, which never changes."""
    found = []
    with _opened(path) as part:
        for number in range(part.num_row_groups):
            group = part.metadata.row_group(number)
            names, days = group.column(0).statistics, group.column(1).statistics
            bounds = np.datetime64(days.min, "D"), np.datetime64(days.max, "D")
            if not isinstance(names.min, str):
                raise DataError(f"group {number} does not say of which assets it is")
            found.append(_Group(number, names.min, names.max, group.num_rows, *bounds))
    return tuple(found)
