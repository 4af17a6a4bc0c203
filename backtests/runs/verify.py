"""Verification of a run: its files and its name, compared with its manifest."""

from pathlib import Path
from typing import Any

from backtests.runs.folder import Run, code_version, found_at, surroundings
from backtests.runs.manifest import CHANGED, changed_code, hashes, read_manifest
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.paper.wording import counted


@dataclass(frozen=True)
class Verified:
    """The result of verifying a run.

    folder   : folder of the run.
    manifest : manifest of the run.
    changed  : a sentence for each file that has changed; empty when the run is unchanged.
    since    : the differences of today's code and libraries from those of the run: a new run may give other figures.
    """

    folder: Path
    manifest: dict[str, Any]
    changed: tuple[str, ...]
    since: tuple[str, ...]

    def __repr__(self) -> str:
        """The verdict, then each change, as text."""
        name, count = self.manifest["run"], counted(len(self.manifest["files"]), "file")
        verdict = f"{name} was changed after it was made" if self.changed else f"{name}: {count} unchanged"
        if self.folder.resolve().name != name:
            verdict += f" and kept as {self.folder.resolve().name}"
        made = f"made on {self.manifest['times']['ended'][:10]} by code {self.manifest['code']}"
        lines = [f"{verdict}; {made}, with Python {self.manifest['python']}.", *(f"  {said}" for said in self.changed)]
        if self.since:
            lines += ["Made again today it may give other figures:", *(f"  {sentence}" for sentence in self.since)]
        return "\n".join(lines)


def verify(folder: str | Path) -> Verified:
    """Compare a run with its manifest. Raises DataError where the manifest cannot be read or was changed itself."""
    folder = found_at(Path(folder))
    manifest = read_manifest(folder)
    return Verified(folder, manifest, tuple(_changed(folder, manifest)), tuple(_since(manifest)))


def kept_run(folder: Path) -> Verified | None:
    """The verdict on a run that is there with every file as it was made; else None, and it is to be made."""
    if not folder.exists():
        return None
    try:
        found = verify(folder)
    except DataError:
        return None
    return None if found.changed or found.manifest["run"] != folder.name else found


def _changed(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """A sentence for each thing in which the run differs from its manifest."""
    said, found = manifest["files"], hashes(folder)
    sentences = [f"{name} is missing." for name in said if name not in found]
    sentences += [f"{name} has another content." for name in said if name in found and found[name] != said[name]]
    sentences += [f"{name} was added." for name in found if name not in said]
    strange = (p for p in sorted(folder.rglob("*")) if p.is_symlink() or not (p.is_file() or p.is_dir()))
    sentences += [f"{path.relative_to(folder).as_posix()} is no plain file." for path in strange]
    made_from = ("kind", "portfolio", "last_day", "settings", "fingerprint", "code")
    named = Run(**{name: manifest[name] for name in made_from}).name
    if named != manifest["run"]:
        sentences.append(f"The manifest is of {manifest['run']}, but its settings, data and code are those of {named}.")
    return sentences


def _since(manifest: dict[str, Any]) -> list[str]:
    """A sentence for each thing with which a run of today would be made otherwise."""
    now = {"code": code_version(), **surroundings()}
    before = {name: manifest.get(name) for name in now}
    sentences = [f"{name} was {before[name]} and is {now[name]}." for name in ("code", "python", "platform", "lock")
                 if before[name] != now[name]]  # fmt: skip
    versions = before["versions"] or {}
    if CHANGED in manifest:
        sentences.insert(0, changed_code(manifest["code"], manifest[CHANGED]))
    return sentences + [
        f"{name} was {versions.get(name)} and is {version}."
        for name, version in now["versions"].items()
        if versions.get(name) != version
    ]
