"""Imports without what takes long and is not used: of other libraries, and of our packages."""

import ast
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary


def without_grammars_of_addresses() -> AbstractContextManager[None]:
    """Imports of jsonschema skip rfc3987_syntax, which compiles grammars of internet addresses for a second.

    jsonschema does without it; the schema of a notebook has no such address. papermill imports it, and so does plotly
    when it shows a figure.
    """
    return _instead("rfc3987_syntax", None)


def without_coverage_of_kernels() -> AbstractContextManager[None]:
    """The import of numba skips coverage, which takes a seventh of it, unless it is measuring already.

    numba would only tell it which lines of kernels were compiled.
    """
    return _instead("coverage", None)


def without_compiler_of_torch() -> AbstractContextManager[None]:
    """Optimisers of torch do not import torch._dynamo, the compiler of `torch.compile`, for more than a second.

    They import it to tell it what it must not compile (`disable`), and where a graph ends (`graph_break`). Without
    `torch.compile` there is nothing to tell.
    """
    return _instead("torch._dynamo", {"disable": lambda function, *_, **__: function, "graph_break": lambda: None})


@contextmanager
def _instead(name: str, given: Mapping[str, Any] | None) -> Iterator[None]:
    """Imports of a module find one with these attributes alone, unless it has been imported before.

    given : None for imports that fail, as if it were not installed.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None if given is None else ModuleType(name)  # type: ignore[assignment]
    if given is not None:
        vars(sys.modules[name]).update(given)
    try:
        yield
    finally:
        sys.modules.pop(name, None)


def lazy_names(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package, whose names are its imports under `if TYPE_CHECKING:`.

    A name is imported when it is first asked for (PEP 562), so that a command imports what it uses.
    Type checkers, editors and import-linter read the same imports, so each name is written once, as lazy_loader of
    scikit-image has it in a stub. A package calls this in the `else` of that block, where type checkers do not read:
    they would take any name for one that `__getattr__` gives.

    package : its `__name__`.
    """
    module = sys.modules[package]
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    sources = {alias.name: str(node.module) for node in imports for alias in node.names}

    def of_name(name: str) -> Any:
        if name not in sources:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(sources[name]), name)
        setattr(module, name, value)  # asked for once
        return value

    return of_name, lambda: sorted(vars(module).keys() | sources.keys()), list(sources)


class LazyClasses(Mapping[str, type]):
    """Classes by a word, each imported when it is asked for.

    places : word -> place of its class, such as research.rules.Never.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)
        self._words: WeakKeyDictionary[type, str | None] = WeakKeyDictionary()

    def __getitem__(self, word: str) -> type:
        module, _, name = self._places[word].rpartition(".")
        return getattr(import_module(module), name)  # type: ignore[no-any-return]

    def __contains__(self, word: object) -> bool:
        return word in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __or__(self, other: "LazyClasses") -> "LazyClasses":
        return LazyClasses(self._places | other._places)

    def word_of(self, cls: type) -> str | None:
        """The word of a class; None for a class that the table lacks. It imports no other class."""
        if cls not in self._words:
            named = (word for word, place in self._places.items() if place.endswith(f".{cls.__name__}"))
            self._words[cls] = next((word for word in named if self[word] is cls), None)
        return self._words[cls]
