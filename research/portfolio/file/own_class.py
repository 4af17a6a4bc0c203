"""A rule or an allocation of a user's own, which a portfolio file names by import path: `rule: my_module:MyRule`.

Its module lies beside the file, or where Python finds it. Importing it runs its code, so it is imported only if the
user trusts this file: one from somebody else must not run code by being read.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from inspect import getsourcefile
from pathlib import Path
from types import ModuleType

from foundation.errors import ConfigError
from foundation.files import sha256_of
from foundation.names import import_path
from research.portfolio.file.document import TRUST, Document
from research.portfolio.file.strict_yaml import KeyPath

_IMPORTED: dict[str, str] = {}  # sha256 of the source of each module, as it was imported
SUCH_AS = "Name a class of a module beside the file, such as my_rules:CalmDays."


def own_rule(document: Document, path: KeyPath) -> type:
    """The rule that the text at `path` names, as module:Class. Raises ConfigError as `_own_class`, and for no rule."""
    rule = _own_class(document, path, "a rule")
    if not (is_dataclass(rule) and callable(getattr(rule, "decide", None)) and "allocation" in _names(rule)):
        fix = "Make it a frozen dataclass with a field `allocation` and a method `decide`."
        document.refuse(path, f"{rule.__name__} is no rule", document.text(*path), fix)
    return rule


def own_allocation(document: Document, path: KeyPath) -> type:
    """The allocation, or the estimator of scikit-learn's kind, that the text at `path` names as module:Class.

    Raises : ConfigError as `_own_class`, and for what is neither.
    """
    allocation = _own_class(document, path, "an allocation")
    says = is_dataclass(allocation) and all(
        hasattr(allocation, name) or name in _names(allocation) for name in ("schedule", "window")
    )
    is_one = says and callable(getattr(allocation, "target", None)) and allocation.__hash__ is not None
    if not (is_one or is_estimator(allocation)):
        fix = (
            "Make it a frozen dataclass with a method `target`, a `schedule` and a `window`, or an estimator with "
            "`fit` and `get_params`."
        )
        document.refuse(path, f"{allocation.__name__} is no allocation", document.text(*path), fix)
    return allocation


def is_estimator(own: type) -> bool:
    """True if a class is an estimator, which an allocation fits, and no allocation itself."""
    return not hasattr(own, "target") and all(callable(getattr(own, name, None)) for name in ("fit", "get_params"))


def _own_class(document: Document, path: KeyPath, kind: str) -> type:
    """The class that the text at `path` names, as module:Class; `kind` is the kind that it should have.

    Raises : ConfigError where code is not trusted, for a module that is missing or fails, and for what is no class.
    """
    named = document.text(*path)
    if not document.trust_code:
        what = f"{kind} of your own runs code"
        document.refuse(path, what, named, f"If you trust it, allow it with --trust-code, or set {TRUST}=1.")
    module, _, name = named.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), name)):
        document.refuse(path, "not an import path", named, SUCH_AS)
    try:
        with _beside(Path(document.file)):
            found = importlib.import_module(module)
            if (now := _source(found)) != _IMPORTED.setdefault(module, now):  # edited since it was imported
                found, _IMPORTED[module] = importlib.reload(found), now
    except (Exception, SystemExit) as error:  # whatever the module raises
        what = f"module {module} cannot be imported ({type(error).__name__}: {error})"
        document.refuse(path, what, named, "Correct the module, or its name.")
    beside = Path(document.file).resolve().parent.joinpath(*module.split(".")).with_suffix(".py")
    if beside.exists() and beside != Path(found.__file__ or ""):
        what = f"{beside.name} beside the file is not what is imported as {module}, which is {found.__file__}"
        document.refuse(path, what, named, "Give one of the two another name.")
    own = getattr(found, name, None)
    if not isinstance(own, type):
        document.refuse(path, f"module {module} has no class {name}", named, SUCH_AS)
    return own


def check_code(document: Document, path: KeyPath, own: type) -> None:
    """Refuse a class whose source is not the one that the key `code` states, as the settings of a run do.

    Raises : ConfigError.
    """
    if document.has(*path) and document.text(*path) != (now := code_of(own)):
        document.refuse(
            path, f"the source of {import_path(own)} has another sha256, {now}", document.text(*path),
            "Restore the source, or leave `code` out.",
        )  # fmt: skip


def code_of(own: type) -> str:
    """sha256, in hex, of the file in which a class is written, as it was when it was imported."""
    return _IMPORTED[own.__module__]


def _source(module: ModuleType) -> str:
    """sha256, in hex, of a module's file. Raises ConfigError where there is none."""
    source = getsourcefile(module)
    if source is None:
        raise ConfigError(f"{module.__name__} has no source file: write the class into one")
    return sha256_of(Path(source))


def _names(own: type) -> set[str]:
    return {field.name for field in fields(own)}


@contextmanager
def _beside(file: Path) -> Iterator[None]:
    """Modules in the folder of `file` can be imported, before all others."""
    folder = str(file.resolve().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
