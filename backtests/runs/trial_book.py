"""The trial book: every configuration that a person tried, so that the luck of a search can be counted.

A folder in the person's home holds a Parquet file a batch: written whole, never changed, and apart from checkouts,
reports and caches, which may be deleted. A trial is known by what it is (assets, terms, policy, days), so that one that
is tried again counts once, whoever tried it, and in whatever file its prices stood. The book counts what goes through
`backtest`, `sweep`, `tune`, `compare`, `walk_forward` and the commands. Backtests wait in memory, since one takes less
time than a file: they are written when many wait, when the book is read, and when the process ends.
"""

import hashlib
import json
import os
import re
import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import platformdirs
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.api.types import union_categoricals

from backtests.runs.folder import RUN_IN, code_version
from foundation.arrays import Rows
from foundation.errors import DataError
from foundation.files import write_whole
from foundation.home import TRIAL_BOOK, stated_folder

TRIAL_KINDS = ("backtest", "sweep", "tuning", "seed", "fold", "candidate")
MOST_WAITING = 1_000  # backtests that wait in memory
VERSION, ABOUT = 2, b"trials"  # of the form of a file, and where its schema says what holds for all of its trials
NAME = re.compile(r"[0-9a-f]{16}-([0-9a-f]{16})\.parquet")  # hashes of the trials, and of the bytes
LONGEST_POLICY = 240  # letters of a policy that are kept; longer ones end with their hash
TEXTS = ("kind", "policy", "first", "last")
KNOWN = ("active_return", "active_volatility", "skewness", "kurtosis", "loss", "cluster")  # NaN where it is not
COLUMNS = ("id", "configuration", *TEXTS, "days", "lag", "cost_multiple", *KNOWN)
OF_BATCH = ("portfolio", "assets", "data", "periods_per_year", "written", "run", "code")
EMPTY: Any = dict.fromkeys(
    (*TEXTS, "portfolio", "assets", "data", "written", "run", "code"), "category"
)  # without trials
LEAST_SPREAD = 1e-9  # active volatility a year below which there is no active Sharpe ratio
MEND = "Restore the file from a copy; or delete it, and its trials are counted no more."


class NotCounted(UserWarning):
    """Trials were made, and could not be written into the book."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Trials on one portfolio and market.

    portfolio        : name of the portfolio's file, of the setup or of the market.
    assets           : names of the market's lines.
    terms            : further conditions of the trials, such as costs; plain JSON values.
    periods_per_year : number of periods by which figures are annualised.
    trials           : a row for each trial. kind, one of `TRIAL_KINDS`; policy, as text; first and last day of the
                       returns, YYYY-MM-DD; days, their number; lag, sessions; cost_multiple. Then, where known:
                       active_return and active_volatility, fraction a year; skewness and raw kurtosis of the daily
                       active returns; loss J, bp a year; cluster, equal for trials of this batch that are variants of
                       one.
    data             : fingerprint of the market, "" where it was not taken.
    """

    portfolio: str
    assets: Sequence[str]
    terms: Mapping[str, Any]
    periods_per_year: float
    trials: pd.DataFrame
    data: str = ""

    @cached_property
    def table(self) -> pd.DataFrame:
        """The columns of the book: `configuration` is a hash of what was played, `id` one of that and of its days."""
        frame = self.trials.reindex(columns=[*COLUMNS[2:]])
        for name in TEXTS:
            texts = frame[name].astype("category").cat.remove_unused_categories()
            kept = pd.Index([_kept(text) for text in texts.cat.categories.tolist()], dtype=object)
            frame[name] = texts.cat.rename_categories(kept)  # type: ignore[arg-type]  # a list becomes strings of arrow
        frame = frame.astype({"days": np.int64, "lag": np.int64, "cost_multiple": float} | dict.fromkeys(KNOWN, float))
        about = json.dumps([list(self.assets), self.terms], sort_keys=True).encode()  # weights are in their order
        same = np.uint64(int.from_bytes(hashlib.sha256(about).digest()[:8], "little"))
        played, when = (
            pd.util.hash_pandas_object(frame[columns], index=False).to_numpy()
            for columns in (["policy", "lag", "cost_multiple"], ["first", "last"])
        )
        return frame.assign(configuration=played ^ same, id=played ^ same ^ when)[list(COLUMNS)]


def _kept(text: str) -> str:
    """A text as it is kept: too long a one ends with its hash."""
    return (
        text
        if len(text) <= LONGEST_POLICY
        else f"{text[:LONGEST_POLICY]}… #{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    )


def book_folder() -> Path:
    """The folder of the book: that of `REBALANCE_TRIALS`, else in the user's data folder, whatever `REBALANCE_HOME`."""
    return stated_folder(TRIAL_BOOK) or platformdirs.user_data_path("rebalance", appauthor=False) / "trials"


# -- writing ---------------------------------------------------------------------------------------------------------


def count_trials(batches: Sequence[Batch], run: str = "") -> None:
    """Write batches of trials into the book; one that is there already, with as much known, adds nothing.

    batches : those without trials are left out.
    run     : name of the run that they belong to; by default the one that this notebook is executed for.

    Trials are made before they are counted: where the book cannot be written, a warning says so (`NotCounted`), and
    what was computed stays.
    """
    waiting = take_waiting()
    wanted: dict[Path, list[Batch]] = {book_folder(): []}
    for folder, *_ in waiting:
        wanted.setdefault(folder, [])
    for folder, own in wanted.items():
        own += [_batch(key, rows) for key, rows in waiting.items() if key[0] == folder]
        own += batches if folder == book_folder() else []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for batch in own:
                if len(batch.trials):
                    _write(folder, batch, run or os.environ.get(RUN_IN, ""))
        except OSError as error:
            with _lock:  # what waits goes on waiting
                for key, rows in waiting.items():
                    if key[0] == folder:
                        _waiting.setdefault(key, [])[:0] = rows
            count = sum(len(batch.trials) for batch in own)
            warnings.warn(
                f"{count:,} trials could not be written into {folder} ({error.strerror or error}), so they are not "
                f"counted. Make the folder writable, or name another one in {TRIAL_BOOK}, and do the same again.",
                NotCounted,
                stacklevel=3,
            )


Terms = tuple[str, tuple[str, ...], str, float]  # of a batch: portfolio, assets, terms as JSON, periods a year
_waiting: dict[tuple[Path, *Terms], list[Mapping[str, Any]]] = {}  # by the folder of the book, and the batch
_lock = threading.Lock()
_ends = 0  # the process that writes what waits when it ends


def count_backtest(terms: Terms, row: Mapping[str, Any]) -> None:
    """Count a backtest later; until then it waits in memory.

    terms : terms of its batch.
    row   : the columns of `Batch.trials` that are known, except for its kind.
    """
    global _ends
    with _lock:
        if _ends != os.getpid():  # a forked process runs what it registered itself
            _ends = os.getpid()
            Finalize(None, _write_waiting, exitpriority=0)
        _waiting.setdefault((book_folder(), *terms), []).append(row)
        many = sum(map(len, _waiting.values())) % MOST_WAITING == 0  # also where the last could not be written
    if many:
        count_trials([])


def _write_waiting() -> None:
    if _waiting:
        count_trials([])


def take_waiting() -> dict[tuple[Path, *Terms], list[Mapping[str, Any]]]:
    """The backtests that wait, which then wait no more."""
    with _lock:
        taken = dict(_waiting)
        _waiting.clear()
    return taken


def _batch(key: tuple[Path, *Terms], rows: Sequence[Mapping[str, Any]]) -> Batch:
    _, portfolio, assets, terms, year = key
    return Batch(portfolio, assets, json.loads(terms), year, pd.DataFrame(rows).assign(kind="backtest"))


def _begin_anew() -> None:
    """Clear the waiting trials in a forked process: its parent writes them."""
    global _lock
    _lock = threading.Lock()
    _waiting.clear()


os.register_at_fork(after_in_child=_begin_anew)


def _write(folder: Path, batch: Batch, run: str) -> None:
    order = np.argsort(ids := batch.table["id"].to_numpy())
    known = batch.table[list(KNOWN)].notna().to_numpy()[order]
    told = ids[order].astype("<u8").tobytes() + (known.tobytes() if known.any() else b"")
    named = hashlib.sha256(told).hexdigest()[:16]
    if any(folder.glob(f"{named}-*.parquet")):
        return
    about = {
        "version": VERSION,
        "portfolio": batch.portfolio,
        "assets": listed_assets(batch.assets),
        "data": batch.data,
        "terms": dict(batch.terms),
        "periods_per_year": batch.periods_per_year,
        "written": datetime.now(UTC).isoformat(timespec="microseconds"),
        "run": run,
        "code": code_version(),
    }
    table = pa.Table.from_pandas(batch.table, preserve_index=False)
    buffer = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({ABOUT: json.dumps(about).encode()}), buffer, compression="zstd")
    content = buffer.getvalue().to_pybytes()
    write_whole(folder / f"{named}-{hashlib.sha256(content).hexdigest()[:16]}.parquet", content)


# -- reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class TrialBook:
    """Trials, each once.

    trials   : a row for each trial: the columns of `Batch.trials`, with id, portfolio, assets (in order of their
               names), data, periods_per_year, sharpe (annual, of active returns; NaN where it is not known), written,
               run and code. Of a trial that was counted more than once, the row whose moments are known stands, else
               the first.
    variants : configurations that are variants of one: what some batch found in one cluster.
    """

    trials: pd.DataFrame
    variants: Sequence[Rows]

    def on(self, first: str, last: str) -> "TrialBook":
        """The trials whose days overlap those from first to last, YYYY-MM-DD."""
        begun, ended = (self.trials[name].astype(str) for name in ("first", "last"))
        return TrialBook(self.trials[(begun <= last) & (first <= ended)], self.variants)

    @property
    def searches(self) -> list["TrialBook"]:
        """The trials of the same assets whose days overlap, directly or by others between them; the first days first.

        One search, whatever the file, the length and the fingerprint of its data.
        """
        found = []
        for _, own in self.trials.groupby("assets", observed=True, sort=False):
            days = own[["first", "last"]].astype(str).sort_values("first", kind="stable")
            begins = days["first"] > days["last"].cummax().shift(fill_value="9999")
            found += [
                TrialBook(each.sort_index(), self.variants) for _, each in own.loc[days.index].groupby(begins.cumsum())
            ]
        return found

    @property
    def effective(self) -> int:
        """The number of configurations, whatever their days, where variants of one count once.

        Those whose return series were not there to be clustered, as in a sweep, count one each.
        """
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        nodes = np.unique(self.trials["configuration"].to_numpy(dtype=np.uint64))
        if not len(nodes):
            return 0
        groups = [group[np.isin(group, nodes)] for group in self.variants]
        pairs = [(own[0], other) for own in groups for other in own[1:]] or [(nodes[0], nodes[0])]
        ends = np.searchsorted(nodes, np.array(pairs, dtype=np.uint64))
        links = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(nodes), len(nodes)))
        return int(connected_components(links, directed=False, return_labels=False))

    @property
    def configurations(self) -> int:
        """The number of different configurations, whatever their days."""
        return int(self.trials["configuration"].nunique())

    @property
    def clustered(self) -> int:
        """The number of trials that were correlated with others."""
        known = np.concatenate([*self.variants, np.array([], dtype=np.uint64)])
        return int(np.isin(self.trials["configuration"].unique(), known).sum())

    def luck(self, days: int) -> float | None:
        """Variance of the trials' active Sharpe ratios a period, for series of so many days; None with a single ratio.

        Ratios of other lengths are rescaled to this one: for worthless trials, ratio² × days has one expectation.
        """
        known = self.trials[np.isfinite(self.trials["sharpe"].to_numpy(dtype=float))]
        if len(known) < 2:
            return None
        scaled = known["sharpe"] * np.sqrt(known["days"] / known["periods_per_year"])
        return float(scaled.var(ddof=1)) / days


def book_of(parts: Sequence[tuple[Mapping[str, Any], pd.DataFrame]]) -> TrialBook:
    """The book of parts: the facts common to the trials of each, by the names of `OF_BATCH`, and their table."""
    parts = sorted(((about, table) for about, table in parts if len(table)), key=lambda part: part[0]["written"])
    if not parts:
        return TrialBook(pd.DataFrame({name: [] for name in (*COLUMNS, *OF_BATCH, "sharpe")}).astype(EMPTY), ())
    tables = [table for _, table in parts]
    variants: list[Rows] = [
        group["configuration"].to_numpy(dtype=np.uint64)
        for table in tables
        for _, group in table.dropna(subset="cluster").groupby("cluster")
    ]
    found = pd.concat([table.drop(columns=list(TEXTS)) for table in tables], ignore_index=True)
    lengths = [len(table) for table in tables]
    for name in TEXTS:  # as categories: a sweep repeats each a thousand times
        found[name] = union_categoricals([table[name].cat.as_unordered() for table in tables])
    for name in OF_BATCH:
        values = [about[name] for about, _ in parts]
        found[name] = np.repeat(values, lengths) if name == "periods_per_year" else _repeated(values, lengths)
    varies = found["active_volatility"] > LEAST_SPREAD
    found["sharpe"] = (found["active_return"] / found["active_volatility"]).where(varies)
    first = found.iloc[np.argsort(found["skewness"].isna().to_numpy(), kind="stable")].drop_duplicates("id")
    return TrialBook(first.sort_index()[[*COLUMNS, *OF_BATCH, "sharpe"]], variants)


def _repeated(values: Any, lengths: Sequence[int]) -> Any:
    """Texts, each so many times, as a categorical."""
    one = pd.Categorical(values)
    return pd.Categorical.from_codes(np.repeat(one.codes, lengths), dtype=one.dtype)


def book_of_batches(batches: Sequence[Batch]) -> TrialBook:
    """The book of batches that need not be written."""
    unwritten = {"written": "", "run": "", "code": ""}
    told = [
        {name: getattr(one, name) for name in ("portfolio", "data", "periods_per_year")}
        | {"assets": listed_assets(one.assets)}
        for one in batches
    ]
    return book_of([(unwritten | about, one.table) for about, one in zip(told, batches, strict=True)])


def listed_assets(assets: Sequence[str]) -> str:
    """Assets as the book names them: in the order of their names.

    >>> listed_assets(["SPY", "IEF"])
    'IEF, SPY'
    """
    return ", ".join(sorted(assets))


def read_book(assets: Sequence[str] | None = None) -> TrialBook:
    """The whole book, or what was tried on these assets. One that is missing or empty holds no trials.

    Raises : DataError for a file that is damaged, renamed, or of a form that this code does not know.
    """
    if _waiting:
        count_trials([])
    found = [path for path in book_folder().glob("*.parquet") if not path.name.startswith(".")]
    named = None if assets is None else listed_assets(assets)
    return book_of([_read(path) for path in sorted(found) if named is None or _assets_of(path) in (named, "")])


def _assets_of(path: Path) -> str:
    """The assets of a file by its head alone; "" where it has none that can be read."""
    try:
        return str(json.loads((pq.read_schema(path).metadata or {}).get(ABOUT, b"{}")).get("assets", ""))
    except (OSError, ValueError):
        return ""


def _read(path: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """The facts common to all trials of a file, and their table.

    Raises : DataError, with the fault and the fix, for a damaged file.
    """
    named = NAME.fullmatch(path.name)
    if named is None:
        raise DataError(
            f"{path} has no name of the trial book (16 hex, 16 hex of its bytes, .parquet). Move it elsewhere, or give "
            "it back its name."
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}. {MEND}") from error
    if hashlib.sha256(content).hexdigest()[:16] != named[1]:
        raise DataError(f"{path} is damaged: the hash of its {len(content):,} bytes is not the one in its name. {MEND}")
    table = pq.read_table(pa.BufferReader(content))
    about = json.loads((table.schema.metadata or {}).get(ABOUT, b"{}"))
    if about.get("version") != VERSION:
        raise DataError(
            f"{path} has form {about.get('version')} of the trial book, and this code reads form {VERSION}: it was "
            "written by other code. Read it with that, or move it elsewhere."
        )
    return about, table.to_pandas()
