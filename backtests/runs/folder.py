"""A run: its name, its inputs, and its folder, which is written complete or not at all.

A run is named after its portfolio, its last day, and a hash over settings, data fingerprint and code, so that the same
run has the same name. It is built in a hidden folder beside its final name, synced, and renamed when whole. Its
manifest is signed last (`backtests.runs.manifest`).
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from foundation.dataclasses import asdict, dataclass, field
from foundation.errors import ConfigError, DataError
from foundation.files import ROOT, locked, sha256_of, sync, sync_names, write_whole
from foundation.home import HOME, folder_for, stated_folder
from foundation.sets import CODE_FOLDER, RESOURCES_OF_WHEEL, installed_versions

REPORTS = "reports"  # name of the folder of runs
MANIFEST = "manifest.json"
SUMMARY_FILE = "summary.txt"  # of a run: what its command printed
RESULTS_FILE = "results.parquet"  # of a run: daily, or by configuration
MARKET_FILE = "market.parquet"  # of a report or backtest: the daily returns that it was made from
MAIL = "summary.md"  # the first screen of a report, for a mail
NUMBERS_FILE, FIGURES_FILE = "tearsheet.json", "summary.json"  # with the figures of a report, and those of a backtest
RUN_IN = "REBALANCE_RUN"  # environment variable: name of the run that a notebook is executed for
LIBRARIES = ("numpy", "pandas", "numba", "scipy", "torch", "stable-baselines3", "exchange_calendars", "matplotlib")


@cache
def code_version() -> str:
    """The version of the code that this process runs: the one on disk when it first asked, whatever is edited later."""
    return code_on_disk()


def code_on_disk(root: Path = CODE_FOLDER) -> str:
    """The commit's first 12 hex, with `+` and 8 hex over what is not committed; without git, a hash over the sources.

    An installed workbench has no git.

    Notebooks count as sources, and so do the stress tests and learned policies that come with the workbench; market
    data does not, since it has a fingerprint of its own. The version is the same for every
    user, whoever owns the folder and whatever their settings of git are.
    """
    code, beside = ["foundation", "research", "backtests", "desk", "notebooks"], ["data/stress.yaml", "data/policies"]
    sources = [*code, *beside]
    # git reads a folder that it is told of, whoever owns it: who runs this code trusts its owner.
    command = ["git", "-C", str(root), "--git-dir=.git", "--work-tree=.", "-c", f"core.excludesFile={os.devnull}"]
    environment = {name: value for name, value in os.environ.items() if name != "GIT_INDEX_FILE"}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_OPTIONAL_LOCKS": "0"}

    def git(*words: str) -> bytes:
        return subprocess.run([*command, *words], capture_output=True, check=True, env=environment).stdout

    try:
        commit = git("rev-parse", "--short=12", "HEAD").decode().strip()
        names = git("diff", "--name-only", "--no-renames", "-z", "HEAD", "--", *sources)
        names += git("ls-files", "--others", "--exclude-standard", "-z", "--", *sources)
        changed = [root / os.fsdecode(name) for name in sorted(names.split(b"\0")) if name]
        return f"{commit}+{_hash_of(changed, root)[:8]}" if changed else commit
    except (FileNotFoundError, subprocess.CalledProcessError):  # there is no git, or no repository
        found = [p for folder in code for p in (root / folder).rglob("*") if p.suffix in (".py", ".ipynb")]
        resources = root / RESOURCES_OF_WHEEL.relative_to(CODE_FOLDER)
        places = [(resources if resources.is_dir() else root) / one for one in beside]
        found += [p for place in places for p in (place, *place.rglob("*")) if p.is_file()]
        return f"sources-{_hash_of(sorted(found), root)[:12]}"


def _hash_of(files: Iterable[Path], root: Path) -> str:
    """sha256, hex, over names from a folder and contents of files; one that was deleted has none."""
    each = [(str(path.relative_to(root)), sha256_of(path) if path.is_file() else None) for path in files]
    return hashlib.sha256(json.dumps(each).encode()).hexdigest()


@dataclass(frozen=True)
class Run:
    """The inputs of a run. settings : plain JSON values. code : as `code_version` gives it."""

    kind: str
    portfolio: str
    last_day: str
    settings: Mapping[str, Any]
    fingerprint: str
    code: str = field(default_factory=lambda: code_version())

    @property
    def name(self) -> str:
        """<portfolio>-<last day>-<first 8 hex of sha256 over settings, data fingerprint and code>."""
        made_from = [self.kind, self.settings, self.fingerprint, self.code]
        digest = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
        return f"{self.portfolio}-{self.last_day}-{digest[:8]}"

    def manifest(self, **facts: Any) -> dict[str, Any]:
        """Everything that identifies the run, what it was made with, and facts of its result; no times."""
        return {"run": self.name, **asdict(self), **surroundings(), **facts}


def surroundings() -> dict[str, Any]:
    """The environment of results: versions of libraries and of Python, platform, hash of the lock."""
    lock = ROOT / "requirements.lock"
    return {
        "versions": dict(_versions()),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "lock": sha256_of(lock) if lock.exists() else None,
    }


@cache
def _versions() -> dict[str, str]:
    """The versions of libraries, which a process has for as long as it runs."""
    return installed_versions(LIBRARIES)


def partial_of(final: Path) -> Path:
    """The hidden folder in which the run `final` is being made."""
    return final.parent / f".{final.name}.partial"


def former_of(final: Path) -> Path:
    """The path of the old run `final`, between the two renames that put a new one in its place."""
    return final.parent / f".{final.name}.old"


@contextmanager
def staged(final: Path) -> Iterator[Path]:
    """A hidden folder beside `final`, which takes its name when the block ends well, and goes away when it does not.

    Raises ConfigError when another process is making the same run.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    partial, former = partial_of(final), former_of(final)
    with ExitStack() as held:
        with _alone_in(final.parent):
            _clear_killed(final.parent)
            if not held.enter_context(locked(_lock_of(final), wait=False)):
                raise ConfigError(f"the run {final.name} is being made by another process. Wait for it to end.")
            _restore(final)
            partial.mkdir()
        try:
            yield partial
            sync(partial)
            if final.exists():
                final.rename(former)
            partial.rename(final)
            sync_names(final.parent)
        finally:
            _restore(final)


def _lock_of(final: Path) -> Path:
    """The file that stands for the lock of a run while it is made."""
    return final.parent / f".{final.name}.lock"


def _alone_in(reports: Path) -> AbstractContextManager[bool]:
    """No other process looks for what killed runs left, or takes the lock of a run, at the same time."""
    return locked(reports / ".lock", wait=True)


def clear_killed(reports: Path) -> None:
    """Clear away what killed runs left in a folder of runs; what is being made stays."""
    if reports.exists():
        with _alone_in(reports):
            _clear_killed(reports)


def _clear_killed(reports: Path) -> None:
    """Clear away what killed runs left: hidden folders whose lock nobody holds; a run without its name gets it back."""
    left = {
        path.name[1:].rpartition(".")[0]
        for ending in ("lock", "partial", "old")
        for path in reports.glob(f".*.{ending}")
    }
    for name in sorted(left):
        with suppress(PermissionError), locked(_lock_of(reports / name), wait=False) as free:  # another user's stays
            if free:
                _restore(reports / name)


def _restore(final: Path) -> None:
    """Delete the hidden folders of a run, whose lock is held; one that lost its name to no other gets it back.

    What is deleted has the name of a partial run first, which nobody reads however much of it is left.
    """
    partial, former = partial_of(final), former_of(final)
    _delete(partial)
    if former.exists() and final.exists():
        former.rename(partial)
        _delete(partial)
    elif former.exists():
        former.rename(final)


def _delete(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as JSON with sorted keys, whole or not at all."""
    write_whole(path, sorted_json(content))


def sorted_json(content: Any) -> str:
    """`content` as JSON with sorted keys. Raises ValueError for what JSON does not have, such as NaN."""
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"


def run_folders(reports: Path) -> list[Path]:
    """The folders of finished runs, and what else lies beside them without being hidden.

    A run that was killed while a new one took its name is where it then was. Names are read until two readings agree:
    one during which a folder is renamed may miss it.
    """
    names, before = _names(reports), None
    while names != before:
        names, before = _names(reports), names
    taken = {former_of(reports / name).name for name in names}
    return sorted(reports / name for name in names if not name.startswith(".") or name not in taken)


def _names(reports: Path) -> set[str]:
    """The names of runs, and of former runs."""
    names = os.listdir(reports) if reports.exists() else []
    return {name for name in names if not name.startswith(".") or name.endswith(".old")}


def reports_folder(file: str | Path | None = None) -> Path:
    """The folder of the runs of a portfolio file, as `folder_for` says."""
    return folder_for(REPORTS, file)


def path_sent(file: Path) -> Path:
    """The path of a file from the workbench's folder, where it is in there; else a full one.

    A file that comes with the workbench has the same in a clone, in an installed one, and for workers elsewhere.
    """
    there = Path(os.path.abspath(file)) if file.exists() else ROOT / file
    return there.relative_to(ROOT) if there.is_relative_to(ROOT) else there


def run_places() -> list[Path]:
    """The folders in which a run is looked for by its name, in this order.

    That of `REBALANCE_HOME` where it is stated, `reports` in the current folder, and that of the workbench.
    """
    return list(dict.fromkeys([reports_folder(), Path.cwd() / REPORTS, ROOT / REPORTS]))


def listed_places() -> list[Path]:
    """The folders whose runs are listed: that of `REBALANCE_HOME` alone where it is stated, else `run_places`."""
    return [reports_folder()] if stated_folder(HOME) else run_places()


def found_at(final: Path) -> Path:
    """The path of the run `final`: at its name, or where a kill between the two renames left it.

    A name alone is also looked for in `run_places`, in their order, and the beginning of one name is enough.
    Raises : DataError for the beginning of several names, and where there is none, with the folders that were searched.
    """
    here = former_of(final) if former_of(final).exists() and not final.exists() else final
    if here.exists():
        return here
    places = run_places() if final.name == str(final) else [final.parent]
    for place in places:
        if (place / final.name).exists():
            return place / final.name
    runs = (folder for place in places if place.is_dir() for folder in run_folders(place))
    named = {folder.name: folder for folder in runs if folder.name.startswith(final.name)}
    where = " or ".join(map(str, places))
    if len(named) > 1:
        raise DataError(
            f"{final.name!r} begins the names of {len(named)} runs in {where}: "
            f"{', '.join([*named][:5])}. Give more of the name."
        )
    if not named:
        raise DataError(
            f"no run is called {final.name!r}, or begins so, in {where}. `rebalance runs` lists those that are there; "
            "give the path of one that is elsewhere."
        )
    return next(iter(named.values()))


def check_whole(folder: Path, names: Mapping[str, str]) -> None:
    """Raise DataError when one of `names` (file: what it is) is missing from `folder` or empty."""
    for name, what in names.items():
        path = folder / name
        if not path.exists() or (path.is_file() and path.stat().st_size == 0):
            raise DataError(
                f"the run did not write {name} ({what}), so it was discarded. Look at the notebook's output."
            )
