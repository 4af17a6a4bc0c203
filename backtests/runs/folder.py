"""One run: what it is called, what it is made from, and the folder that holds it, made whole or not at all.

A run is named after its portfolio, its last day, and a hash over settings, data fingerprint and code, so that the same
run has the same name. It is built in a hidden folder beside its final name and renamed when whole; times stand only in
its manifest. Past runs are found by reading the manifests.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from research.errors import ConfigError, DataError

ROOT = Path(__file__).parents[2]
REPORTS = ROOT / "reports"
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
        """Everything that identifies the run, and facts of its result; no times."""
        libraries = {name: version(name) for name in LIBRARIES}
        return {"run": self.name, **asdict(self), "versions": libraries, **facts}


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


@contextmanager
def staged(final: Path) -> Iterator[Path]:
    """A hidden folder beside `final`, which takes its name when the block ends well, and goes away when it does not.

    Raises ConfigError when another process is making the same run.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    _sweep(final.parent)
    partial, old = partial_of(final), final.parent / f".{final.name}.old"
    with open(final.parent / f".{final.name}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"the run {final.name} is being made by another process. Wait for it to end.") from error
        if os.fstat(lock.fileno()).st_nlink == 0:  # the other process ended, and took the lock's name with it
            raise ConfigError(f"the run {final.name} was just being made by another process. Start it again.")
        if old.exists() and not final.exists():  # killed between the two renames below
            old.rename(final)
        for left in (partial, old):
            shutil.rmtree(left, ignore_errors=True)
        partial.mkdir()
        try:
            yield partial
            if final.exists():
                final.rename(old)
            partial.rename(final)
        finally:
            if old.exists() and not final.exists():  # interrupted between the two renames
                old.rename(final)
            for left in (partial, old):
                shutil.rmtree(left, ignore_errors=True)
            os.unlink(lock.name)


def _sweep(reports: Path) -> None:
    """Clear away what killed runs left: hidden folders whose lock nobody holds; a run without its name gets it back."""
    for lock in reports.glob(".*.lock"):
        final = reports / lock.name.removeprefix(".").removesuffix(".lock")
        with contextlib.suppress(FileNotFoundError, BlockingIOError), open(lock, "r+") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            old = reports / f".{final.name}.old"
            if old.exists() and not final.exists():
                old.rename(final)
            for left in (partial_of(final), old):
                shutil.rmtree(left, ignore_errors=True)
            lock.unlink()


def write_json(path: Path, content: Any) -> None:
    """Write `content` as JSON with sorted keys, whole or not at all."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")
    draft.replace(path)


def past_runs(reports: Path = REPORTS, kind: str = "report") -> list[tuple[Path, dict[str, Any]]]:
    """Folders and manifests of the whole runs of one kind, the newest first."""
    found = []
    for path in reports.glob("*/manifest.json"):
        if not path.parent.name.startswith("."):
            manifest = json.loads(path.read_text(encoding="utf-8"))
            if manifest.get("kind") == kind and "times" in manifest:
                found.append((path.parent, manifest))
    return sorted(found, key=lambda pair: pair[1]["times"]["ended"], reverse=True)


def check_whole(folder: Path, names: Mapping[str, str]) -> None:
    """Raise DataError when one of `names` (file: what it is) is missing from `folder` or empty."""
    for name, what in names.items():
        path = folder / name
        if not path.exists() or (path.is_file() and path.stat().st_size == 0):
            raise DataError(
                f"the run did not write {name} ({what}), so it was discarded. Look at the notebook's output."
            )
