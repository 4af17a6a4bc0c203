"""A settings file with overrides merged in, and typed access to its values; each value is checked."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from datetime import date
from difflib import get_close_matches
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any, NoReturn

from foundation.arguments import LARGEST_NUMBER, SMALLEST_NUMBER, did_you_mean, is_number, shown
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, DataError, InputFault
from foundation.names import NAME_FIX, name_fault
from foundation.paper.wording import grouped
from foundation.printable import has_unseen
from research.portfolio.file.faults import Faults, Mistake, Mistakes
from research.portfolio.file.strict_yaml import KeyPath, Lines, dotted, read_yaml

TRUST = "REBALANCE_TRUST_CODE"  # environment variable: "1" where every file may name classes by import path
NOT_OF_FILE = 0  # the "line" of a value that did not come from the file
WHOLE = 3  # keys of a path below which an entry is wrong as a whole, such as orders.groups.equity


@dataclass(frozen=True, eq=False)
class Document:
    """The content of a file, and the line of each key.

    file       : as given.
    tree       : nested dictionaries and lists.
    lines      : path of a key -> line, from 1, or `NOT_OF_FILE`.
    trust_code : true if it may name classes by import path, whose code then runs.
    wrong      : paths with mistakes that are told already: what is asked of these is not judged, and raises `Mistakes`
                 without one. So does a question about an absent key that may be one of them, written wrongly.
    """

    file: str
    tree: dict[str, Any]
    lines: Lines
    trust_code: bool = False
    wrong: frozenset[KeyPath] = frozenset()

    @property
    def folder(self) -> Path:
        """The folder of the file, from which the paths in it are read."""
        return Path(self.file).parent

    # -- refusals ----------------------------------------------------------------------------------------------------

    def refuse(self, path: KeyPath, what: str, found: object, fix: str, name: str = "") -> NoReturn:
        """Raise ConfigError for a value.

        path  : its key.
        what  : fault in words.
        found : the value.
        fix   : way to correct it.
        name  : unknown name of an asset, told once however many keys have it.
        """
        self._check_told(path, absent=found is None)
        text = f"{dotted(path)}: {what} ({self.place(path)}): found {shown(found)}. {fix}"
        raise Mistakes(Mistake(text, self._line(path), path, name, what, found, fix))

    @contextmanager
    def placing(self, path: KeyPath, key: str = "") -> Iterator[None]:
        """A block whose ConfigError or DataError gains the place of a key, where it has none.

        path : its path.
        key  : its name in the message, "" for the path.
        """
        try:
            yield
        except Mistakes:
            raise
        except (ConfigError, DataError) as error:
            found = tuple(each for each in error.findings if each.place)
            raise self.mistake(path, f"{key or dotted(path)} ({self.place(path)}): {error}", found) from error

    def mistake(self, path: KeyPath, text: str, findings: tuple[InputFault, ...] = ()) -> Mistakes:
        """A mistake at a path, with its message, and those of the file that it names."""
        return Mistakes(Mistake(text, self._line(path), path, findings=findings))

    def place(self, path: KeyPath) -> str:
        """The file, and the line of a key or of the nearest key above it, in words."""
        line = self._line(path)
        if line == inf:
            return self.file
        return f"given beside {self.file}" if line == NOT_OF_FILE else f"{self.file}, line {line}"

    def is_given(self, *path: str) -> bool:
        """True if a value did not come from the file, but was given beside it."""
        return self._line(path) == NOT_OF_FILE

    def _line(self, path: KeyPath) -> float:
        return next((self.lines[path[:k]] for k in range(len(path), 0, -1) if path[:k] in self.lines), inf)

    def knowing(self, faults: Faults) -> "Document":
        """The document, of which these mistakes are told."""
        return replace(self, wrong=self.wrong.union(mistake.path for mistake in faults.found))

    def without(self, faults: Faults) -> "Document":
        """The document without the values in which mistakes are told; below two keys, without all of their entry."""
        if not faults.found:
            return self
        tree, wrong = deepcopy(self.tree), [mistake.path[:WHOLE] for mistake in faults.found if mistake.path]
        for *above, last in wrong:
            into: Any = tree
            for key in above:
                into = into.get(key) if isinstance(into, dict) else None
            if isinstance(into, dict) and last in into:
                del into[last]
                wrong += [tuple(above)] if above and not into else []
        return replace(self, tree=tree, wrong=frozenset(wrong))

    def check_whole(self, path: KeyPath) -> None:
        """Raise a mistake without a message where one is told of what stands at a path, or below it."""
        if any(wrong[: len(path)] == path for wrong in self.wrong):
            raise self.mistake(path, "")

    @cached_property
    def _wrong_below(self) -> dict[KeyPath, list[str]]:
        """The wrong keys by the path of the mapping that has them."""
        return grouped((path[:-1], path[-1]) for path in self.wrong if path)

    def _check_told(self, path: KeyPath, *, absent: bool) -> None:
        """Raise `Mistakes` without one where a mistake is told of a path, or of a key that may be meant for it."""
        beside = self._wrong_below.get(path[:-1], ()) if absent and path else ()
        if any(path[:k] in self.wrong for k in range(1, len(path) + 1)) or (
            beside and get_close_matches(path[-1], beside)
        ):
            raise Mistakes

    def check_name(self, path: KeyPath, name: object) -> None:
        """Raise ConfigError for an invalid name (`foundation.names.name_fault`)."""
        if fault := name_fault(name):
            self.refuse(path, f"no name: it {fault}", name, NAME_FIX)

    def check_keys(self, path: KeyPath, known: tuple[str, ...]) -> None:
        """Raise ConfigError for each unknown key below `path`, and suggest the nearest known one."""
        faults = Faults()
        for key in self.mapping(*path):
            if key not in known:
                with faults:
                    self.refuse((*path, key), "unknown key", key, did_you_mean(key, known))
        faults.end()

    def check_line(self, path: KeyPath, asset: object, assets: Sequence[str]) -> None:
        """Raise ConfigError for an asset that the portfolio does not have.

        path   : its key.
        asset  : as written.
        assets : those of the portfolio.
        """
        if asset not in assets:
            self.refuse(path, "no asset of the portfolio", asset, did_you_mean(asset, assets), str(asset))

    # -- questions ---------------------------------------------------------------------------------------------------

    def has(self, *path: str) -> bool:
        """True if there is a value at this path."""
        return self.value(*path, default=None) is not None

    def value(self, *path: str, default: Any = ...) -> Any:
        """The value at a path, or the default; a number in it is a place in a list, from 0.

        Raises : ConfigError when there is neither.
        """
        found: Any = self.tree
        self._check_told(path, absent=False)
        for depth, key in enumerate(path):
            if isinstance(found, list) and key.isdigit() and int(key) < len(found):
                found = found[int(key)]
                continue
            if not isinstance(found, dict):
                self.refuse(path[:depth], "not a mapping", found, f"Write `{key}:` below it.")
            if found.get(key) is None:
                self._check_told(path[: depth + 1], absent=True)
                if default is ...:
                    self.refuse(path, "missing", None, f"Add `{path[-1]}:`.")
                return default
            found = found[key]
        return found

    def mapping(self, *path: str) -> dict[str, Any]:
        """A mapping with at least one key. Raises ConfigError for anything else."""
        found = self.value(*path)
        if not isinstance(found, dict) or not found:
            self.refuse(path, "not a mapping", found, "Write one key a line below it.")
        return found

    def text(self, *path: str, default: str | None = None) -> str:
        """Text that is not empty. Raises ConfigError for anything else."""
        found = self.value(*path, default=default or ...)
        if not isinstance(found, str) or not found.strip():
            self.refuse(path, "not text", found, "Write a word, in quotes where it looks like a number.")
        return found

    def names(self, *path: str) -> tuple[str, ...]:
        """The keys of a mapping, all of which can be names. Raises ConfigError for anything else."""
        found = tuple(self.mapping(*path))
        for name in found:
            self.check_name((*path, name), name)
        return found


def read_document(
    file: str | Path,
    overrides: Mapping[str, Any] | None = None,
    known: tuple[str, ...] = (),
    bare: tuple[str, ...] = (),
    *,
    trust_code: bool | None = None,
    faults: Faults | None = None,
) -> Document:
    """The file as a document, with `overrides` merged into it.

    file       : path; the runs that are made from it are named after it.
    overrides  : nested, or with dotted keys ("policies.rl.steps"). Mappings are merged key by key, anything else
                 replaces what stands there, and None removes it.
    known      : its keys; others may be empty here, since their reader refuses them. () for any.
    bare       : keys below which an entry may be empty, which says that it has no settings.
    trust_code : true if it may name classes by import path. None: where the environment says so (`TRUST`).
    faults     : takes the mistakes of single values, which are raised where it is None.
    Raises     : ConfigError as `read_yaml` does; for a file whose name is none (`foundation.names.name_fault`), an
                 override below something that is not a mapping, an empty value, text with control characters, and a
                 number that is not finite, too large or too small.
    """
    file = str(file)
    if fault := name_fault(Path(file).stem):
        raise ConfigError(f"{shown(file)}: the file cannot be called so, since runs are: it {fault}. {NAME_FIX}")
    document = Document(file, *read_yaml(file), trusts_code(trust_code))
    for key, value in (overrides or {}).items():
        _merge(document, document.tree, (), key, value)
    found = Faults() if faults is None else faults
    _check(document, (), document.tree, (known, bare), found)
    if faults is None:
        found.end()
    return document


def trusts_code(asked: bool | None) -> bool:
    """True if a file may name classes by import path: as asked, or, for None, as the environment says."""
    return os.environ.get(TRUST) == "1" if asked is None else asked


def _check(
    document: Document, path: KeyPath, found: Any, keys: tuple[tuple[str, ...], tuple[str, ...]], faults: Faults
) -> None:
    """Find the values that no key takes; a mapping and a list are checked with all that they hold.

    keys : those that are known, () for any; and those below which entries may be empty.
    """
    known, bare = keys
    if isinstance(found, dict):
        for key, value in found.items():
            with faults:
                if not isinstance(key, str) or has_unseen(key):
                    document.refuse((*path, str(key)), "not a plain key", key, "Write a plain name.")
                unknown = bool(known) and (*path, key)[0] not in known  # is refused by its reader
                if value is None and not unknown and not (len(path) == 1 and path[0] in bare):
                    before = list(found)[max([*found].index(key) - 1, 0)]
                    is_split = key.isdigit() and is_number(found[before])
                    faults.found += [Mistake("", path=(*path, before))] if is_split else []  # is not judged by itself
                    fix = _comma(found[before], key) if is_split else "Write a value, or leave the key out."
                    document.refuse((*path, key), "says nothing", None, fix)
                if value == {} and not (path or unknown or key in bare):
                    document.refuse((key,), "says nothing", value, "Write a key below it, or leave it out.")
                _check(document, (*path, key), value, keys, faults)
    elif isinstance(found, list | tuple):
        for item in found:
            with faults:
                if item is None:
                    document.refuse(path, "a value is empty", found, "Write a value, or leave it out.")
                _check(document, path, item, keys, faults)
    else:
        with faults:
            _check_plain(document, path, found)


def _comma(before: float, key: str) -> str:
    """The advice on a number that a comma split into a value and a key after it.

    >>> _comma(0, "5"), _comma(7, "460")
    ('A comma ends a value: write 0.5, not 0,5.', 'A comma ends a value: write 7460 (or 7.460), not 7,460.')
    """
    point, is_thousands = f"{before}.{key}", len(key) == 3 and before != 0
    return (
        f"A comma ends a value: write {f'{before}{key} (or {point})' if is_thousands else point}, not {before},{key}."
    )


def _check_plain(document: Document, path: KeyPath, found: Any) -> None:
    """Raise ConfigError for text with control characters, a number without sense, and a value of another kind."""
    if isinstance(found, str):
        if has_unseen(found):
            document.refuse(path, "has characters that are not printed", found, "Write it without them, on one line.")
    elif isinstance(found, float | int):  # True and False are whole numbers
        if not (found == 0 or SMALLEST_NUMBER <= abs(found) <= LARGEST_NUMBER):
            fix = f"Give 0, or a number of {SMALLEST_NUMBER:g} to {LARGEST_NUMBER:g}."
            document.refuse(path, "not a number in bounds", found, fix)
    elif found is not None:
        fix = "Give text, a number, True, False, a list or a mapping."
        document.refuse(path, f"a {type(found).__name__} is not read", found, fix)


def _merge(document: Document, into: dict[str, Any], path: KeyPath, key: str, value: Any) -> None:
    """Merge one override at `key` below `path`; a dotted key that is not itself a name there descends."""
    head, dot, rest = key.partition(".")
    if dot and key not in into:
        key, value = head, {rest: value}
    here = (*path, key)
    if value is None:
        into.pop(key, None)
    elif isinstance(value, Mapping):
        if into.get(key) is None:
            into[key] = {}
            document.lines[here] = NOT_OF_FILE
        if not isinstance(into[key], dict):
            document.refuse(
                here, "a key is given below a value that is not a mapping", into[key], "Give the whole value."
            )
        for inner, item in value.items():
            _merge(document, into[key], here, str(inner), item)
    else:
        document.lines[here] = NOT_OF_FILE
        if isinstance(value, float) and not math.isfinite(value):
            document.refuse(here, "not a finite number", value, "Give a plain number.")
        into[key] = _plain(value)


def _plain(value: Any) -> Any:
    """A value as a file would have it: lists for tuples, and dates as text."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return f"{value:%Y-%m-%d}" if isinstance(value, date) and value == value else value  # NaT is no day
