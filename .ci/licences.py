"""Name, version and licence of every locked package, as its installed metadata says; `make licences` prints them.

An installation may lack some: what extras and torch's CUDA need. Those are named as not installed.
"""

import re
from collections.abc import Iterator
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
UNKNOWN, ABSENT = "unknown", "not installed"
LONGEST = 60  # characters of a licence's name; a longer text is the licence itself


class Licence(NamedTuple):
    """A locked package: its name, locked version, and licence, or `UNKNOWN` or `ABSENT`."""

    name: str
    version: str
    licence: str


def licences() -> Iterator[Licence]:
    """Of every locked package, by name."""
    text = "".join(path.read_text() for path in ROOT.glob("requirements*.lock"))
    for name, version in sorted(set(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", text, re.MULTILINE))):
        try:
            found = licence_of(metadata(name))
        except PackageNotFoundError:
            found = ABSENT
        yield Licence(name, version, found)


def licence_of(about: PackageMetadata) -> str:
    """The licence that the metadata of a package names: as an expression, else by classifiers, else in words."""
    classifiers = [line.rpartition(" :: ")[2] for line in about.get_all("Classifier") or () if "License ::" in line]
    words = " ".join((about.get("License") or "").split())
    named = [name for name in classifiers if name != "OSI Approved"]
    return about.get("License-Expression") or ", ".join(named) or (words if 0 < len(words) <= LONGEST else UNKNOWN)


if __name__ == "__main__":
    for each in licences():
        print(f"{each.name:<32} {each.version:<20} {each.licence}")
