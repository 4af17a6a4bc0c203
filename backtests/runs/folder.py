"""One run: what it is called, what it is made from, and the folder that holds it, made whole or not at all.

A run is named after its portfolio, its last day, and a hash over settings, data fingerprint and code, so that the same
run has the same name. It is built in a hidden folder beside its final name, synced, and renamed when whole. Its
manifest is signed last: with the times, the hash of each file, and a checksum of its own.
"""

import hashlib
import json
import os
import platform
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from research.errors import ConfigError, DataError
from research.files import locked, sha256_of, sync, sync_names, write_whole

ROOT = Path(__file__).parents[2]
REPORTS = ROOT / "reports"
MANIFEST = "manifest.json"
AGAIN = "Make the run again, or delete its folder."
LIBRARIES = (
    "numpy",
    "pandas",
    "numba",
    "scipy",
    "arch",
    "torch",
    "stable-baselines3",
    "exchange_calendars",
    "matplotlib",
)


@dataclass(frozen=True)
class Run:
    """What a run was made from. settings : plain JSON values. code : as `code_version` gives it."""

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


def surroundings(root: Path = ROOT) -> dict[str, Any]:
    """What results are made with besides the code: versions of libraries and of Python, platform, hash of the lock."""
    lock = root / "requirements.lock"
    return {
        "versions": {name: version(name) for name in LIBRARIES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "lock": sha256_of(lock) if lock.exists() else None,
    }


def code_version(root: Path = ROOT) -> str:
    """The commit's first 12 hex, with `+` and 8 hex over what is not committed; without git, a hash over the sources.

    Notebooks count as sources; data does not, since it has a fingerprint of its own.
    """
    sources = ["research", "backtests", "notebooks"]

    def git(*words: str) -> bytes:
        return subprocess.run(["git", "-C", str(root), *words], capture_output=True, check=True).stdout

    try:
        commit = git("rev-parse", "--short=12", "HEAD").decode().strip()
        changed = git("diff", "HEAD", "--", *sources)
        for name in git("ls-files", "--others", "--exclude-standard", "-z", "--", *sources).decode().split("\0"):
            changed += (name.encode() + (root / name).read_bytes()) if name else b""
        return f"{commit}+{hashlib.sha256(changed).hexdigest()[:8]}" if changed else commit
    except (OSError, subprocess.CalledProcessError):
        digest = hashlib.sha256()
        for path in sorted(
            p for folder in sources for p in (root / folder).rglob("*") if p.suffix in (".py", ".ipynb")
        ):
            digest.update(path.read_bytes())
        return f"sources-{digest.hexdigest()[:12]}"


def partial_of(final: Path) -> Path:
    """The hidden folder in which the run `final` is being made."""
    return final.parent / f".{final.name}.partial"


def former_of(final: Path) -> Path:
    """Where the run `final` that stood there before is, between the two renames that put a new one in its place."""
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
    write_whole(path, json_text(content))


def json_text(content: Any) -> str:
    """`content` as JSON with sorted keys. Raises ValueError for what JSON does not have, such as NaN."""
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"


# -- manifests ---------------------------------------------------------------------------------------------------------


def sign(folder: Path, started: datetime) -> None:
    """Add times, the hash of each file and a checksum to the manifest of a run: the last thing that is written.

    folder  : of the run, with the manifest as `Run.manifest` gives it and all other files.
    started : when the run began.
    """
    manifest, ended = json.loads((folder / MANIFEST).read_text(encoding="utf-8")), datetime.now(UTC)
    times = {
        "started": started.isoformat(timespec="seconds"),
        "ended": ended.isoformat(timespec="microseconds"),
        "seconds": round((ended - started).total_seconds(), 1),
    }
    whole = {**manifest, "times": times, "files": hashes(folder)}
    write_json(folder / MANIFEST, {**whole, "sha256": checksum(whole)})


def hashes(folder: Path) -> dict[str, str]:
    """sha256, hex, of each file below `folder` but its manifest, by the path from there."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {name: sha256_of(path) for path in found if (name := path.relative_to(folder).as_posix()) != MANIFEST}


def checksum(manifest: Mapping[str, Any]) -> str:
    """sha256, hex, over the values of a manifest without its own checksum."""
    values = {name: value for name, value in manifest.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Times(BaseModel, strict=True, extra="forbid"):
    """When a run was made, in UTC, and how long it took."""

    started: str
    ended: str
    seconds: float


class Manifest(BaseModel, extra="allow", strict=True):
    """What every signed manifest holds; facts of the result stand beside it."""

    run: str
    kind: str
    portfolio: str
    last_day: str
    settings: dict[str, Any]
    fingerprint: str
    code: str
    versions: dict[str, str]
    python: str
    platform: str
    lock: str | None
    files: dict[str, str]
    times: Times
    sha256: str


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a whole run. Raises DataError where it cannot be read, is of no run, or was changed."""
    path = folder / MANIFEST
    try:
        return _manifest(path)
    except FileNotFoundError as error:
        raise DataError(f"{folder} is no run: it has no {MANIFEST}. Give the folder of one, reports/<run>.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. {AGAIN}") from error


def _manifest(path: Path) -> dict[str, Any]:
    """What `read_manifest` gives, from its path. Raises OSError too."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # else a pipe would be waited for
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DataError(f"{path} is no plain file. {AGAIN}")
            found = Manifest.model_validate_json(file.read()).model_dump()
    except ValidationError as error:
        what = error.errors()[0]
        where = f"{what['loc'][0]}: " if what["loc"] else ""
        raise DataError(f"{path} is no manifest of a finished run: {where}{what['msg']}. {AGAIN}") from error
    if found["sha256"] != checksum(found):
        raise DataError(f"{path} was changed after its run was made. {AGAIN}")
    return found


class BrokenRun(UserWarning):
    """A finished run whose manifest cannot be used is passed over."""


class PastRuns(NamedTuple):
    """What a folder of runs holds.

    whole  : folders and manifests of the runs of one kind, the newest first.
    broken : a sentence for each folder whose manifest cannot be used.
    """

    whole: list[tuple[Path, dict[str, Any]]]
    broken: list[str]


def past_runs(reports: Path = REPORTS, kind: str = "report") -> PastRuns:
    """The whole runs of one kind, and why others cannot be used."""
    whole, broken = [], []
    for folder in run_folders(reports):
        try:
            manifest = _manifest(folder / MANIFEST)
        except NotADirectoryError:
            continue
        except FileNotFoundError:
            if not folder.exists() or (folder / MANIFEST).exists():  # a new run has just taken its place
                return past_runs(reports, kind)
        except OSError as error:
            broken.append(f"{folder / MANIFEST} cannot be read: {error.strerror}. {AGAIN}")
        except DataError as error:
            broken.append(str(error))
        else:
            if manifest["kind"] == kind:
                whole.append((folder, manifest))
    return PastRuns(sorted(whole, key=lambda pair: pair[1]["times"]["ended"], reverse=True), broken)


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
    """Of runs, and of former runs."""
    names = os.listdir(reports) if reports.exists() else []
    return {name for name in names if not name.startswith(".") or name.endswith(".old")}


def found_at(final: Path) -> Path:
    """Where the run `final` is: at its name, or where a kill between the two renames left it."""
    return former_of(final) if former_of(final).exists() and not final.exists() else final


def check_whole(folder: Path, names: Mapping[str, str]) -> None:
    """Raise DataError when one of `names` (file: what it is) is missing from `folder` or empty."""
    for name, what in names.items():
        path = folder / name
        if not path.exists() or (path.is_file() and path.stat().st_size == 0):
            raise DataError(
                f"the run did not write {name} ({what}), so it was discarded. Look at the notebook's output."
            )
