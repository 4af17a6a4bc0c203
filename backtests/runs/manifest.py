"""The manifest of a finished run: written last, with the hash of each file; read with every doubt; all past runs."""

import hashlib
import json
import os
import stat
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from backtests.runs.folder import MANIFEST, code_on_disk, code_version, run_folders, write_json
from foundation.arguments import first_fault
from foundation.errors import DataError
from foundation.files import sha256_of

MAKE_AGAIN = "Make the run again, or delete its folder."
CHANGED = "code_on_disk"  # key of a manifest: the version when the run ended, where it was another one


class CodeChanged(UserWarning):
    """The code on disk was changed while a run was made."""


def changed_code(code: str, now: str) -> str:
    """A sentence on a run by this code that found other code on disk when it ended."""
    return (
        f"The code on disk was changed while the run was made: it was {now} at the end, and the run is named after "
        f"{code}, as it was at the beginning. Modules that were imported late may be the new ones: to be sure, make it "
        "again."
    )


def sign(folder: Path, started: datetime) -> None:
    """Add times, the hash of each file and a checksum to the manifest of a run: the last thing that is written.

    folder  : folder of the run, with the manifest as `Run.manifest` gives it and all other files.
    started : time at which the run began.
    """
    manifest, ended = json.loads((folder / MANIFEST).read_text(encoding="utf-8")), datetime.now(UTC)
    times = {
        "started": started.isoformat(timespec="seconds"),
        "ended": ended.isoformat(timespec="microseconds"),
        "seconds": round((ended - started).total_seconds(), 1),
    }
    whole = {**manifest, "times": times, "files": hashes(folder)}
    if (now := code_on_disk()) != code_version():
        whole[CHANGED] = now
        warnings.warn(CodeChanged(changed_code(manifest["code"], now)), stacklevel=2)
    write_json(folder / MANIFEST, {**whole, "sha256": checksum(whole)})


def hashes(folder: Path) -> dict[str, str]:
    """sha256, hex, of each file below `folder` but its manifest and prints of its pages, by the path from there.

    A PDF beside the page of its name is a print, which holds the time when it was made and depends on the browser: it
    is no part of the run, and may be made and deleted at any time.
    """
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and not _is_print(path))
    return {name: sha256_of(path) for path in found if (name := path.relative_to(folder).as_posix()) != MANIFEST}


def _is_print(path: Path) -> bool:
    return path.suffix == ".pdf" and path.with_suffix(".html").is_file()


def checksum(manifest: Mapping[str, Any]) -> str:
    """sha256, hex, over the values of a manifest without its own checksum."""
    values = {name: value for name, value in manifest.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Times(BaseModel, strict=True, extra="forbid"):
    """The time at which a run was made, in UTC, and its duration."""

    started: str
    ended: str
    seconds: float


class Manifest(BaseModel, extra="allow", strict=True):
    """The entries of every signed manifest; facts of the result stand beside them."""

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
    try:
        return _manifest(folder / MANIFEST)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"{folder} is no run: it has no {MANIFEST}. Give the folder of one, reports/<run>.") from error


def _manifest(path: Path) -> dict[str, Any]:
    """The manifest at a path, as `read_manifest` gives it.

    Raises : FileNotFoundError or NotADirectoryError where there is none.
    """
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # else a pipe would be waited for
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DataError(f"{path} is no plain file. {MAKE_AGAIN}")
            found = Manifest.model_validate_json(file.read()).model_dump()
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. {MAKE_AGAIN}") from error
    except ValidationError as error:
        raise DataError(f"{path} is no manifest of a finished run: {first_fault(error)}. {MAKE_AGAIN}") from error
    if found["sha256"] != checksum(found):
        raise DataError(f"{path} was changed after its run was made. {MAKE_AGAIN}")
    return found


class BrokenRun(UserWarning):
    """A finished run whose manifest cannot be used is passed over."""


class PastRuns(NamedTuple):
    """The runs in a folder.

    whole  : folders and manifests of the runs of one kind, the newest first.
    broken : a sentence for each folder whose manifest cannot be used.
    """

    whole: list[tuple[Path, dict[str, Any]]]
    broken: list[str]


def past_runs(reports: Path, kind: str | None = "report") -> PastRuns:
    """The whole runs of one kind, or of all, and why others cannot be used."""
    whole, broken = [], []
    for folder in run_folders(reports):
        try:
            manifest = _manifest(folder / MANIFEST)
        except NotADirectoryError:
            continue
        except FileNotFoundError:
            if not folder.exists() or (folder / MANIFEST).exists():  # a new run has just taken its place
                return past_runs(reports, kind)
        except DataError as error:
            broken.append(str(error))
        else:
            if kind is None or manifest["kind"] == kind:
                whole.append((folder, manifest))
    return PastRuns(sorted(whole, key=lambda pair: pair[1]["times"]["ended"], reverse=True), broken)
