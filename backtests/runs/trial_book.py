"""The trial book: every configuration that a person tried, so that the luck of a search can be counted.

A folder in the person's home holds Parquet files: written whole, never changed, and apart from checkouts, reports and
caches, which may be deleted. A trial is known by what it is (assets, terms, policy, days), so that one that is tried
again counts once, whoever tried it, and in whatever file its prices stood. The book counts what goes through
`backtest`, `sweep`, `tune`, `compare`, `walk_forward` and the commands. Backtests wait in memory, since one takes less
time than a file: they are written into one file when many wait, when the book is read, and when the process ends.
"""

import hashlib
import json
import os
import re
import threading
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import platformdirs
import pyarrow as pa
import pyarrow.parquet as pq

from backtests.runs.folder import RUN_IN, code_version
from foundation.arrays import Rows
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.files import write_whole
from foundation.home import TRIAL_BOOK, stated_folder

TRIAL_KINDS = ("backtest", "sweep", "tuning", "seed", "fold", "candidate")
MOST_WAITING = 1_000  # backtests that wait in memory
VERSION, EARLIER = 3, 2  # forms of a file: in the earlier one all of its trials are of one batch
ABOUT_TRIALS = b"trials"  # of a schema: the form, the assets, and what is the same for all of its trials
TRIALS_FILE = re.compile(r"[0-9a-f]{16}-([0-9a-f]{16})\.parquet")  # hashes of the trials, and of the bytes
LONGEST_POLICY = 240  # letters of a policy that are kept; longer ones end with their hash
TRIAL_TEXTS = ("kind", "policy", "first", "last")
TRIAL_MOMENTS = ("skewness", "kurtosis", "dependence")
TRIAL_NUMBERS = ("active_return", "active_volatility", *TRIAL_MOMENTS, "loss", "cluster")  # NaN where it is not
TEXT = pa.dictionary(pa.int32(), pa.string())  # a sweep repeats each a thousand times
SCHEMA = pa.schema(
    dict.fromkeys(("id", "configuration"), pa.uint64())
    | dict.fromkeys(("days", "lag"), pa.int64())
    | dict.fromkeys(("cost_multiple", "periods_per_year", *TRIAL_NUMBERS), pa.float64())
    | dict.fromkeys((*TRIAL_TEXTS, "portfolio", "assets", "data", "written", "run", "code"), TEXT)
)
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
                       active_return and active_volatility, fraction a year; skewness, raw kurtosis and dependence of
                       the daily active returns (`backtests.inference.selection.Moments`); loss J, bp a year; cluster,
                       equal for trials of this batch that are variants of one.
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
        terms = json.dumps(dict(self.terms), sort_keys=True)
        about = About(self.portfolio, self.assets, terms, self.periods_per_year, self.data)
        return _table(self.trials, [about], np.zeros(len(self.trials), dtype=np.int64))


class About(NamedTuple):
    """The facts that trials have in common, as in `Batch`; terms as JSON text with sorted keys."""

    portfolio: str
    assets: Sequence[str]
    terms: str
    periods_per_year: float
    data: str = ""


def _table(trials: pd.DataFrame, about: Sequence[About], which: Rows) -> pd.DataFrame:
    """The columns of the book before it is written, for trials (T,) whose facts are `about[which]`."""
    frame = trials.reindex(columns=[*TRIAL_TEXTS, "days", "lag", "cost_multiple", *TRIAL_NUMBERS])
    for name in TRIAL_TEXTS:
        words = frame[name].astype("category").cat.remove_unused_categories()
        kept = pd.Index([_kept(text) for text in words.cat.categories.tolist()], dtype=object)
        frame[name] = words.cat.rename_categories(kept)  # type: ignore[arg-type]  # a list becomes strings of arrow
    frame = frame.astype(
        {"days": np.int64, "lag": np.int64, "cost_multiple": float} | dict.fromkeys(TRIAL_NUMBERS, float)
    )
    played, when = (
        pd.util.hash_pandas_object(frame[columns], index=False).to_numpy()
        for columns in (["policy", "lag", "cost_multiple"], ["first", "last"])
    )
    told = [f"[{json.dumps(list(one.assets))}, {one.terms}]".encode() for one in about]  # weights are in their order
    same = np.frombuffer(b"".join(hashlib.sha256(text).digest()[:8] for text in told), "<u8")[which]
    common = {name: [getattr(one, name) for one in about] for name in ("portfolio", "terms", "data")}
    common["assets"] = [listed_assets(one.assets) for one in about]
    for name, texts in common.items():
        one = pd.Categorical(texts)
        frame[name] = pd.Categorical.from_codes(one.codes[which], dtype=one.dtype)
    years = np.array([one.periods_per_year for one in about], dtype=float)
    return frame.assign(periods_per_year=years[which], configuration=played ^ same, id=played ^ same ^ when)


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
    wanted = {folder: [_of_backtests(rows)] for folder, rows in waiting.items()}
    wanted.setdefault(book_folder(), []).extend(batch.table for batch in batches if len(batch.trials))
    for folder, tables in wanted.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for table in tables:
                _write(folder, table, run or os.environ.get(RUN_IN, ""))
        except OSError as error:
            with _lock:  # what waits goes on waiting
                if folder in waiting:
                    _waiting.setdefault(str(folder), (folder, []))[1].extend(waiting[folder])
            count = sum(map(len, tables))
            warnings.warn(
                f"{count:,} trials could not be written into {folder} ({error.strerror or error}), so they are not "
                f"counted. Make the folder writable, or name another one in {TRIAL_BOOK}, and do the same again.",
                NotCounted,
                stacklevel=3,
            )


Backtests = list[tuple[About, Mapping[str, Any]]]  # facts, and the columns of `Batch.trials` that are known
_waiting: dict[str, tuple[Path, Backtests]] = {}  # with the folder of the book, by what the environment named it
_lock = threading.Lock()
_ends = 0  # the process that writes what waits when it ends


def count_backtest(about: About, row: Mapping[str, Any]) -> None:
    """Count a backtest later; until then it waits in memory.

    about : facts of its batch.
    row   : the columns of `Batch.trials` that are known, except for its kind.
    """
    global _ends
    with _lock:
        if _ends != os.getpid():  # a forked process runs what it registered itself
            _ends = os.getpid()
            Finalize(None, _write_waiting, exitpriority=0)
        named = os.environ.get(TRIAL_BOOK, "")
        if named not in _waiting:
            _waiting[named] = book_folder(), []
        _waiting[named][1].append((about, row))
        many = sum(len(rows) for _, rows in _waiting.values()) % MOST_WAITING == 0  # or the last could not be written
    if many:
        count_trials([])


def _write_waiting() -> None:
    if _waiting:
        count_trials([])


def take_waiting() -> dict[Path, Backtests]:
    """The backtests that wait, by the folder of their book; they then wait no more."""
    with _lock:
        taken: dict[Path, Backtests] = {}
        for folder, rows in _waiting.values():
            taken.setdefault(folder, []).extend(rows)
        _waiting.clear()
    return taken


def _of_backtests(waiting: Backtests) -> pd.DataFrame:
    """The columns of the book of backtests that waited."""
    about, rows = zip(*waiting, strict=True)
    return _table(pd.DataFrame(rows).assign(kind="backtest"), about, np.arange(len(rows)))


def _begin_anew() -> None:
    """Clear the waiting trials in a forked process: its parent writes them."""
    global _lock
    _lock = threading.Lock()
    _waiting.clear()


os.register_at_fork(after_in_child=_begin_anew)


def _write(folder: Path, trials: pd.DataFrame, run: str) -> None:
    order = np.argsort(ids := trials["id"].to_numpy())
    known = trials[list(TRIAL_NUMBERS)].notna().to_numpy()[order]
    told = ids[order].astype("<u8").tobytes() + (known.tobytes() if known.any() else b"")
    named = hashlib.sha256(told).hexdigest()[:16]
    if any(folder.glob(f"{named}-*.parquet")):
        return
    about = {
        "version": VERSION,
        "assets": sorted(set(trials["assets"])),
        "written": datetime.now(UTC).isoformat(timespec="microseconds"),
        "run": run,
        "code": code_version(),
    }
    table = _arrow(trials).replace_schema_metadata({ABOUT_TRIALS: json.dumps(about).encode()})
    pq.write_table(table, buffer := pa.BufferOutputStream(), compression="zstd")
    content = buffer.getvalue().to_pybytes()
    write_whole(folder / f"{named}-{hashlib.sha256(content).hexdigest()[:16]}.parquet", content)


def _arrow(trials: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(trials, preserve_index=False, nthreads=1)  # a process that ends begins no thread


# -- reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class TrialBook:
    """Trials, each once.

    trials   : a row for each trial: the columns of `Batch.trials`, with id, portfolio, assets (in order of their
               names), data, periods_per_year, sharpe (annual, of active returns; NaN where it is not known), written,
               run and code. Of a trial that was counted more than once, the row with the most moments stands, of
               equal ones the first.
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


def book_of(tables: Sequence[pa.Table]) -> TrialBook:
    """The book of tables of `SCHEMA`, each of trials that were written together."""
    tables = sorted((one for one in tables if len(one)), key=lambda one: str(one["written"][0]))
    found = pa.concat_tables([SCHEMA.empty_table(), *tables]).unify_dictionaries().to_pandas()
    file = pd.Series(np.repeat(np.arange(len(tables)), [len(one) for one in tables]), dtype=np.int64)
    variants: list[Rows] = [
        group.to_numpy(dtype=np.uint64) for _, group in found["configuration"].groupby([file, found["cluster"]])
    ]
    varies = found["active_volatility"] > LEAST_SPREAD
    found["sharpe"] = (found["active_return"] / found["active_volatility"]).where(varies)
    unknown = found[list(TRIAL_MOMENTS)].isna().sum(axis=1).to_numpy()
    first = found.iloc[np.argsort(unknown, kind="stable")].drop_duplicates("id")
    return TrialBook(first.sort_index(), variants)


def book_of_batches(batches: Sequence[Batch]) -> TrialBook:
    """The book of batches that need not be written."""
    return book_of([_complete(_arrow(one.table), {"written": "", "run": "", "code": ""}) for one in batches])


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
    named = None if assets is None else listed_assets(assets)
    paths = sorted(path for path in book_folder().glob("*.parquet") if not path.name.startswith("."))
    book = book_of([_read(path) for path in paths if named is None or _may_hold(path, named)])
    return book if named is None else TrialBook(book.trials[book.trials["assets"] == named], book.variants)


def _may_hold(path: Path, assets: str) -> bool:
    """False if the head of a file says that none of its trials is on these assets."""
    try:
        return (
            assets in json.loads((pq.read_schema(path).metadata or {})[ABOUT_TRIALS])["assets"]
        )  # of the earlier form a text
    except (OSError, ValueError, KeyError):
        return True


def _read(path: Path) -> pa.Table:
    """The trials of a file, as a table of `SCHEMA`.

    Raises : DataError, with the fault and the fix, for a damaged file.
    """
    named = TRIALS_FILE.fullmatch(path.name)
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
    about = json.loads((table.schema.metadata or {}).get(ABOUT_TRIALS, b"{}"))
    if about.get("version") not in (EARLIER, VERSION):
        raise DataError(
            f"{path} has form {about.get('version')} of the trial book, and this code reads form {VERSION}: it was "
            "written by other code. Read it with that, or move it elsewhere."
        )
    return _complete(table, about)


def _complete(table: pa.Table, about: Mapping[str, Any]) -> pa.Table:
    """The table by `SCHEMA`: a column that it lacks has one value, which `about` states, or nothing is known of it."""
    for name in SCHEMA.names:
        if name not in table.column_names:
            value = pa.scalar(about.get(name), pa.float64() if name in TRIAL_NUMBERS else None)
            table = table.append_column(name, pa.repeat(value, len(table)).dictionary_encode())
    return table.select(SCHEMA.names).cast(SCHEMA).replace_schema_metadata()
