"""The things that a policy knows from elsewhere than its market, and the same with other later days.

A rule that looks up tomorrow in a table of its own decides the same on every market. So all that a policy and the
function that makes it reach in code of the user is searched: globals of modules, closures, defaults, attributes of
classes and of objects, caches, variables of the environment. While a policy is played again, everything there that has
entries after the day is replaced by the same with other ones (`backtests.studies.audits.other_values`), and so is what
any call in the user's code returns, wherever it was read. The user's modules may be run anew besides, so that what
they compute as they are imported is computed without the later days. What the run left behind is put back after it.
Code of libraries and of this workbench is trusted; what an object of a library holds is searched if Python can see it.
"""

import ast
import builtins
import linecache
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property, lru_cache, partial
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from inspect import getattr_static
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import pandas as pd

from backtests.studies.audits.days import fields_of, has_days_after
from backtests.studies.audits.futures import ALTERED, MIRRORED
from backtests.studies.audits.other_values import ValueChange
from backtests.studies.audits.reading import source_of
from foundation.dataclasses import dataclass, field, replace
from foundation.machine import CODE_OF_OURS, is_library
from research.market import Market

ATOMS = (str, bytes, bool, int, complex, type(None), pd.Timestamp, CodeType, BuiltinFunctionType)
WRAPPERS = (MethodType, staticmethod, classmethod, property, cached_property)
VALUE_CLASSES = (float, np.ndarray, pd.Index, pd.DataFrame, pd.Series, Market)
LEAST_TEXT = 10  # characters of a text, beyond which it may have days and words beside them
PLAIN_WRAPPERS = ("cache", "lru_cache", "property", "cached_property", "staticmethod", "classmethod", "wraps")
CHANGE = "__change_of_later_values__"  # name of the function that code of the user calls with each value it is given
MOST_OBJECTS = 200_000  # objects that are searched
REACHING_ANY = {"globals", "vars", "locals", "eval", "exec", "sys", "import_module"}  # by which code reaches any global


@dataclass(frozen=True, eq=False)
class FoundPlace:
    """A reference to a value.

    words : the place, in words.
    value : the value that stands there.
    put   : function that puts another one there.
    """

    words: str
    value: Any
    put: Callable[[Any], None]


@dataclass(eq=False)
class Reached:
    """All that a policy and the function that makes it reach in code of the user; found by `walk`.

    places    : references to values that may be tables.
    functions : functions of the user, whose code is replaced while values are changed.
    modules   : modules of the user, by name.
    caches    : caches of functions, which are cleared before each run.
    computes  : the day after which no value has entries where the user's modules are run anew, as far as is known.
    """

    places: list[FoundPlace] = field(default_factory=list)
    functions: dict[int, FunctionType] = field(default_factory=dict)
    modules: dict[str, ModuleType] = field(default_factory=dict)
    caches: list[Any] = field(default_factory=list)
    computes: pd.Timestamp = pd.Timestamp.max
    _seen: dict[int, object] = field(default_factory=dict)
    _dated: tuple[pd.Timestamp, list[int]] | None = None
    _restore: list[Callable[[], None]] = field(default_factory=list)
    _ours: set[str] = field(default_factory=set)

    def walk(self, value: Any, words: str, put: Callable[[Any], None] = lambda _: None) -> None:
        """Search a value, its parts and what its code names."""
        todo: deque[FoundPlace] = deque([FoundPlace(words, value, put)])
        if not self._seen:
            self._environment()
        while todo and len(self._seen) < MOST_OBJECTS:
            place = todo.popleft()
            if isinstance(place.value, ATOMS):
                if isinstance(place.value, str | bytes) and len(place.value) > LEAST_TEXT:
                    self.places.append(place)
                continue
            if _is_value(place.value):
                self.places.append(place)
            if id(place.value) not in self._seen:
                self._seen[id(place.value)] = place.value  # kept, so that no other object has its id
                todo.extend(self._parts(place))

    def _environment(self) -> None:
        self._restore.append(_restored(os.environ))
        for key, value in os.environ.items():
            put = partial(os.environ.__setitem__, key)
            self.places.append(FoundPlace(f"the variable {key} of the environment", value, put))

    def _parts(self, place: FoundPlace) -> Iterator[FoundPlace]:
        value, words = place.value, place.words
        if isinstance(value, Mapping | list | tuple | set | frozenset | deque):
            yield from self._content(value, words)
        elif isinstance(value, FunctionType):
            yield from self._function(value)
        elif isinstance(value, type):
            yield from self._class(value)
        elif isinstance(value, ModuleType):
            yield from self._module(value)
        elif isinstance(value, partial):
            yield from self._partial(value, words)
        elif isinstance(value, WRAPPERS):
            names = ("__self__", "__func__", "fget", "fset", "func")
            yield from _fixed(words, *(getattr(value, name, None) for name in names))
        elif not isinstance(value, VALUE_CLASSES):
            yield from self._instance(value, words)

    def _partial(self, value: Any, words: str) -> Iterator[FoundPlace]:
        self._restore.append(partial(value.__setstate__, value.__reduce__()[2]))
        yield from _fixed(words, value.func)
        for key, one in [*enumerate(value.args), *value.keywords.items()]:
            yield FoundPlace(words, one, partial(_put_argument, value, key))

    def _content(self, value: Any, words: str) -> Iterator[FoundPlace]:
        items = list(value.values() if isinstance(value, Mapping) else value)
        if isinstance(value, dict | list | set | deque):
            self._restore.append(_restored(value))
        if any(not isinstance(item, (*ATOMS, float, np.ndarray)) for item in items):
            yield from _fixed(words, *items)

    def _function(self, function: FunctionType) -> Iterator[FoundPlace]:
        if is_library(function.__code__.co_filename) or function.__code__.co_filename.startswith(CODE_OF_OURS):
            yield from _fixed(f"`{function.__name__}`", getattr(function, "__wrapped__", None))
            return
        self.functions[id(function)] = function
        name = function.__qualname__.replace("<locals>.", "")
        if function.__defaults__:
            for k, value in enumerate(function.__defaults__):
                yield FoundPlace(f"a default of {name}", value, partial(_put_default, function, k))
            self._restore.append(partial(setattr, function, "__defaults__", function.__defaults__))
        yield from self._items(function.__kwdefaults__ or {}, lambda _: f"a default of {name}")
        yield from self._items(function.__dict__, lambda key: f"the attribute {key} of {name}")
        for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            yield from self._cell(cell, f"the variable {variable} of {name}")
        yield from self._of_libraries(function, name)
        module, globals_of = sys.modules.get(function.__module__ or ""), function.__globals__
        named = {word for code in (function.__code__, *_pieces(function.__code__)) for word in code.co_names}
        if module is not None and vars(module) is globals_of:
            name = module.__name__.rpartition(".")[2]
            if _is_users(module):
                self.modules[module.__name__] = module
        only = named if named.isdisjoint(REACHING_ANY) else None
        yield from self._items(globals_of, lambda key: f"the global {key} of {name}", only)

    def _of_libraries(self, function: FunctionType, name: str) -> Iterator[FoundPlace]:
        """The values that the user put into modules of libraries, where the function names them."""
        modules = [value for value in function.__globals__.values() if isinstance(value, ModuleType)]
        for module in [builtins, *modules]:
            for word in dict.fromkeys(one for one in function.__code__.co_names if one in vars(module)):
                value, put = vars(module)[word], partial(vars(module).__setitem__, word)
                if _is_value(value) and not callable(value):
                    self._restore.append(partial(put, value))
                    yield FoundPlace(f"{module.__name__}.{word} in {name}", value, put)

    def _cell(self, cell: CellType, words: str) -> Iterator[FoundPlace]:
        try:
            value = cell.cell_contents
        except ValueError:  # not set yet
            return
        put = partial(setattr, cell, "cell_contents")
        self._restore.append(partial(put, value))
        yield FoundPlace(words, value, put)

    def _module(self, module: ModuleType) -> Iterator[FoundPlace]:
        if not _is_users(module):
            return
        self.modules[module.__name__] = module
        yield from self._items(vars(module), lambda key: f"the global {key} of {module.__name__.rpartition('.')[2]}")

    def _items(
        self, items: dict[str, Any], words: Callable[[str], str], only: set[str] | None = None
    ) -> Iterator[FoundPlace]:
        """The items of a dictionary by name, in its order; `only` some of them, where that is given."""
        if items:
            self._restore.append(_restored(items))
        for key, value in list(items.items()):
            if (only is None or key in only) and not (key.startswith("__") and key.endswith("__")):
                yield FoundPlace(words(key), value, partial(items.__setitem__, key))

    def _class(self, kind: type) -> Iterator[FoundPlace]:
        for base in kind.__mro__:
            if not _is_known(base):
                self._restore.append(partial(_put_back, base, dict(vars(base))))
                for name, value in list(vars(base).items()):
                    if name.startswith("__") and not isinstance(value, FunctionType):
                        continue
                    put = partial(type.__setattr__, base, name)
                    yield FoundPlace(f"{base.__name__}.{name}", value, put)

    def _instance(self, value: Any, words: str) -> Iterator[FoundPlace]:
        """The fields of an object, and the code of its class; what a cache of answers wraps."""
        if callable(getattr(value, "cache_clear", None)):
            self.caches.append(value)
        kind = type(value)
        yield from _fixed(words, kind, getattr_static(value, "__wrapped__", None))
        if _is_foreign(kind):
            return
        self._restore.append(partial(_put_back, value, fields_of(value)))
        is_ours = source_of(kind).startswith(CODE_OF_OURS)
        for name, one in fields_of(value).items():
            if not (isinstance(one, np.ndarray) and is_ours):  # a network
                said = f"the field {name} of {kind.__name__}"
                if is_ours:
                    self._ours.add(said)
                yield FoundPlace(said, one, partial(_put_field, value, name))

    def restore(self) -> None:
        """Put back all that was there when it was found, and forget what functions remember."""
        for back in self._restore:
            back()
        for cache in self.caches:
            cache.cache_clear()

    def dated(self, change: ValueChange) -> list[int]:
        """The numbers of the places with entries after the day of a change; of an earlier one they are kept."""
        if self._dated is None or change.day < self._dated[0]:
            has = [k for k, place in enumerate(self.places) if change.of(place.value) is not place.value]
            self._dated = change.day, has
        return self._dated[1]

    def later_days(self, day: pd.Timestamp) -> tuple[str, ...]:
        """The places of days after this one with nothing beside them that was changed, in words, each once.

        Results of the workbench, which have the days of their tests, are not among them.
        """
        changed = set(self._dated[1] if self._dated else ())
        bare = (place for k, place in enumerate(self.places) if k not in changed and has_days_after(place.value, day))
        return tuple(dict.fromkeys(place.words for place in bare if place.words not in self._ours))

    @contextmanager
    def changed(self, change: ValueChange | None, anew: bool = False, only: int | None = None) -> Iterator["Changing"]:
        """A run in which all that is reached has other later entries; afterwards everything is as it was.

        change : the way to change; None for a run in which nothing but what earlier runs left behind is put back.
        anew   : True to run the modules of the user anew, and to take from them what they compute.
        only   : number of the one place that is changed; None for all.
        """
        self.restore()
        changing = Changing(self, change, only)
        try:
            if change is not None:
                changing.begin(change, anew)
            yield changing
        finally:
            changing.end()
            self.restore()


@dataclass(eq=False)
class Changing:
    """A run in which values are changed.

    reached : all that is reached.
    change  : the way to change; None for none.
    only    : number of the one place that is changed; None for all, with what calls return.
    touched : places at which anything was changed, in words, each once.
    """

    reached: Reached
    change: ValueChange | None
    only: int | None = None
    touched: dict[str, int] = field(default_factory=dict)
    _made: dict[int, tuple[Any, Any]] = field(default_factory=dict)  # by the id of what it was made from
    _codes: list[tuple[FunctionType, CodeType]] = field(default_factory=list)
    _calls: int = 0

    def begin(self, change: ValueChange, anew: bool) -> None:
        """Change all that was reached."""
        if self.only is None:
            codes = {file: _codes(file) for file in {f.__code__.co_filename for f in self.reached.functions.values()}}
            for function in self.reached.functions.values():
                code = codes[function.__code__.co_filename].get(_key(function.__code__))
                if code is not None and code.co_freevars == function.__code__.co_freevars:
                    self._codes.append((function, function.__code__))
                    function.__code__ = code
                function.__globals__[CHANGE] = self.value
        if anew and change.day < self.reached.computes:
            with suppress(Exception):  # a module that cannot be run anew keeps what it has
                self._run_anew()
            if not self.touched:
                self.reached.computes = min(change.day, self.reached.computes)
        places = self.reached.places
        self._put([(k, places[k]) for k in (range(len(places)) if self._made else self.reached.dated(change))])

    def policy(self, policy: Any) -> Any:
        """The policy, just made, with other later entries in what it holds."""
        if self.change is not None:
            made = Reached(_seen=dict(self.reached._seen))
            made.walk(policy, "the policy")
            self._put(list(enumerate(made.places, len(self.reached.places))))
        return policy

    def _put(self, places: list[tuple[int, FoundPlace]]) -> None:
        for k, place in places:
            if self.only in (None, k):
                other = self.value(place.value, place.words, k)
                if other is not place.value:
                    with suppress(AttributeError, TypeError, ValueError):  # of a holder that lets nobody in
                        place.put(other)

    def value(self, value: Any, words: str = "what a call of its code returns", number: int = -1) -> Any:
        """The value with other later entries; itself if it has none."""
        if isinstance(value, ATOMS) and not isinstance(value, str | bytes):
            return value
        if id(value) in self._made:
            other = self._made[id(value)][1]
        else:
            assert self.change is not None
            change = self.change
            if number < 0 and change.which == MIRRORED:  # of the other sign twice is as it was: it is drawn each time
                self._calls += 1
                change = replace(change, which=ALTERED, seed=change.seed + self._calls)
            other = change.of(value)
            if number >= 0 and other is not value:
                self._made[id(value)] = value, other
        if other is not value:
            self.touched.setdefault(words, number)
        return other

    def end(self) -> None:
        """Give functions their own code back."""
        for function, code in reversed(self._codes):
            function.__code__ = code
        for function in self.reached.functions.values():
            function.__globals__.pop(CHANGE, None)

    def _run_anew(self) -> None:
        """Take the data of the user's modules from modules that are run anew, with other later entries."""
        own = dict(self.reached.modules)
        finder = _Finder(own, self.value)
        sys.meta_path.insert(0, finder)
        try:
            for name in own:
                sys.modules.pop(name, None)
            for name in own:
                if name not in finder.made and name != "__main__":
                    finder.run(name)
        finally:
            sys.meta_path.remove(finder)
            sys.modules.update(own)
        for name, module in own.items():
            if name in finder.made:
                self._take(vars(module), vars(finder.made[name]), vars(module).__setitem__)

    def _take(self, old: Mapping[str, Any], new: Mapping[str, Any], put: Callable[[str, Any], None]) -> None:
        """Note what each value became where modules are run anew; put whole numbers and words, which are shared."""
        for name in old.keys() & new.keys():
            mine, other = old[name], new[name]
            if isinstance(mine, FunctionType) and isinstance(other, FunctionType):
                for k, pair in enumerate(zip(mine.__defaults__ or (), other.__defaults__ or (), strict=False)):
                    self._became(*pair, partial(_put_default, mine, k))
            elif name.startswith("__") or mine is other:
                continue
            elif isinstance(mine, type) and isinstance(other, type):
                if not _is_known(mine):
                    self._take(vars(mine), vars(other), partial(_put_field, mine))
            elif type(mine) is type(other):
                self._became(mine, other, partial(put, name))
            elif type(mine).__qualname__ == type(other).__qualname__:  # of a class that was made anew
                self._take(fields_of(mine), fields_of(other), partial(_put_field, mine))

    def _became(self, mine: Any, other: Any, put: Callable[[Any], None]) -> None:
        if isinstance(mine, bool | int | str | bytes) and mine != other:
            put(other)
        elif _is_value(mine) and not isinstance(mine, ATOMS) and not hasattr(mine, "__wrapped__"):
            self._made[id(mine)] = mine, other


class _Finder:
    """A finder of the user's modules that runs them anew; `made` holds them by name."""

    def __init__(self, own: Mapping[str, ModuleType], change: Callable[[Any], Any]) -> None:
        self.own, self.change, self.made = own, change, dict[str, ModuleType]()

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """The module's own file, to be run with changed values; None for other modules."""
        file = getattr(self.own.get(name), "__file__", None)
        return spec_from_file_location(name, file, loader=_Loader(name, file, self)) if file else None

    def run(self, name: str) -> None:
        """Run a module anew."""
        spec = self.find_spec(name)
        if spec is not None and spec.loader is not None:
            made = module_from_spec(spec)
            sys.modules[name] = made
            spec.loader.exec_module(made)


class _Loader(SourceFileLoader):
    """A loader of changed code."""

    def __init__(self, name: str, file: str, finder: _Finder) -> None:
        super().__init__(name, file)
        self.finder = finder

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed code of the module."""
        vars(module)[CHANGE] = self.finder.change
        exec(_compiled(self.path), vars(module))
        self.finder.made[module.__name__] = module


class _Given(ast.NodeTransformer):
    """Code in which what calls return, and what is assigned, is given to `CHANGE` first."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        return node if isinstance(node.func, ast.Name) and node.func.id == "super" else _given(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if any(
            ast.unparse(one).rpartition(".")[2].partition("(")[0] not in PLAIN_WRAPPERS for one in node.decorator_list
        ):
            return node  # it may be compiled from its code
        return self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Dict | ast.List | ast.DictComp | ast.ListComp):
            node.value = _given(node.value)
        return node


def _given(node: ast.expr) -> ast.Call:
    return ast.copy_location(ast.Call(ast.Name(CHANGE, ast.Load()), [node], []), node)


@lru_cache(maxsize=256)
def _compiled(file: str) -> CodeType:
    tree = _Given().visit(ast.parse("".join(linecache.getlines(file)) or "pass"))
    return compile(ast.fix_missing_locations(tree), file, "exec", dont_inherit=True)


def _codes(file: str) -> dict[tuple[str, int], CodeType]:
    """The pieces of code of a file by name and line, in which values are changed."""
    try:
        return {_key(code): code for code in _pieces(_compiled(file))}
    except (SyntaxError, ValueError):
        return {}


def _pieces(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _pieces(constant)


def _key(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _fixed(words: str, *values: Any) -> list[FoundPlace]:
    """Values at which no other can be put, because what holds them is replaced as a whole."""
    return [FoundPlace(words, value, _nowhere) for value in values]


def _nowhere(_: Any) -> None:
    """Put a value nowhere."""


def _put_default(function: FunctionType, k: int, value: Any) -> None:
    defaults = function.__defaults__ or ()
    function.__defaults__ = (*defaults[:k], value, *defaults[k + 1 :])


def _put_argument(function: Any, key: int | str, value: Any) -> None:
    args, keywords = list(function.args), dict(function.keywords)
    if isinstance(key, int):
        args[key] = value
    else:
        keywords[key] = value
    function.__setstate__((function.func, tuple(args), keywords, function.__dict__))


def _put_field(holder: Any, name: str, value: Any) -> None:
    with suppress(AttributeError, TypeError):  # a field that is computed
        (type if isinstance(holder, type) else object).__setattr__(holder, name, value)


def _put_back(holder: Any, fields: Mapping[str, Any]) -> None:
    """Give an object or a class the fields that it had."""
    now = vars(holder) if isinstance(holder, type) else fields_of(holder)
    for name in [name for name, value in fields.items() if now.get(name, _nowhere) is not value]:
        _put_field(holder, name, fields[name])
    for name in now.keys() - fields.keys():
        with suppress(AttributeError, TypeError):
            (type if isinstance(holder, type) else object).__delattr__(holder, name)


def _restored(holder: Any) -> Callable[[], None]:
    """A function that gives a collection the content that it has now, where it has another one."""
    content = holder.copy()

    def restore() -> None:
        now = list(holder.items() if isinstance(content, dict) else holder)
        then = list(content.items() if isinstance(content, dict) else content)
        if len(now) == len(then) and all(_is_one(a, b) for a, b in zip(now, then, strict=True)):
            return
        if isinstance(content, list | deque):
            holder.clear()
            holder.extend(content)
            return
        for key in [key for key in holder if key not in content]:
            holder.pop(key) if isinstance(content, dict) else holder.remove(key)
        holder.update(content)

    return restore


def _is_one(a: Any, b: Any) -> bool:
    """True for one object, or for two pairs of the same objects."""
    return a is b or (type(a) is type(b) is tuple and len(a) == len(b) == 2 and a[0] is b[0] and a[1] is b[1])


def _is_value(value: Any) -> bool:
    """True for data: no class, no module, and nothing that a class gives to its objects, such as a method."""
    return not isinstance(value, type | ModuleType) and not hasattr(type(value), "__get__")


def _is_known(kind: type) -> bool:
    """True for a class of a library or of this workbench."""
    return _is_foreign(kind) or source_of(kind).startswith(CODE_OF_OURS)


def _is_foreign(kind: type) -> bool:
    """True for a class of a library."""
    return is_library(source_of(kind)) or kind.__module__.partition(".")[0] in sys.stdlib_module_names


def _is_users(module: ModuleType) -> bool:
    """True for a module of the user: of a file of his, or typed in."""
    file = getattr(module, "__file__", None)
    if file is None:
        return module.__name__ == "__main__"
    return not (is_library(file) or file.startswith(CODE_OF_OURS))
