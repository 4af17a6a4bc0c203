"""The mistakes that pydantic finds in a value, as messages say them: place, fault, value found, and fix."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from foundation.arguments import did_you_mean
from foundation.dataclasses import dataclass
from research.portfolio.file.kinds import NOT_BLANK, Told
from research.portfolio.file.strict_yaml import KeyPath

UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")  # types of pydantic's error for a key that is not declared
OUTSIDE = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")  # likewise, of a number out of bounds
BOUND_WORDS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
WRONG_KINDS = {  # what is wrong with a value of another kind than its record declares, and how to fix it
    "float": ("not a number", "Write a plain number, such as 0.25 or 1_000."),
    "int": ("not a whole number", "Write one, such as 252."),
    "bool": ("not true or false", "Write true or false."),
    "date": ("not a date", "Write it as YYYY-MM-DD."),
    "literal": ("not one of its words", "Use {expected}."),
    "tuple": ("not a list", "Write its values in brackets, such as [0.01, 0.02]."),
    "list": ("not a list", "Write its items one a line, each after a dash."),
    "dict": ("not a mapping", "Write one key a line below it."),
    "string": ("not text", "Write a word, in quotes where it looks like a number."),
    "greater": ("out of bounds", "Give a number that is {bounds}."),
    "less": ("out of bounds", "Give a number that is {bounds}."),
    "dataclass": ("not a mapping", "Write its settings, one key a line below it."),
    "model": ("not a mapping", "Write its settings, one key a line below it."),
    "finite": ("not a finite number", "Write a plain number, such as 0.25."),
    "string_too_short": ("too short", "Give {min_length} or more characters."),
    "string_too_long": ("too long", "Give at most {max_length} characters."),
    "too_short": ("too short", "Give {min_length} or more."),
    "too_long": ("too long", "Give at most {max_length}."),
}
BESIDE_WORDS = {  # what else a value may be that is a word, by the kind of its other problem
    "dataclass": "a mapping such as {half_width: 0.01}",
    "int": "a whole number, such as 10",
}
Schema = dict[str, Any]


@dataclass(frozen=True)
class ValueFault:
    """A mistake in a value.

    at    : keys from the value to it.
    what  : fault in words.
    found : the value there.
    fix   : way to correct it.
    key   : key below `at` to which it belongs, "" for none: what other keys there say, makes its value wrong.
    """

    at: KeyPath
    what: str
    found: object
    fix: str
    key: str = ""


@dataclass(frozen=True)
class _Problem:
    """One of pydantic's findings.

    at     : keys of its place within the value.
    before : the same, up to the first type that pydantic writes between keys, where a value may be of several.
    of     : that type, None where there is none.
    """

    type: str
    message: str
    found: Any
    told: dict[str, Any]
    at: KeyPath
    before: KeyPath
    of: object

    @property
    def kind(self) -> str:
        """The first word of its type."""
        return self.type.partition("_")[0]

    @property
    def order(self) -> tuple[bool, int]:
        """The gravest comes first: an unknown key, then what lies deepest."""
        return self.type not in UNKNOWN, -len(self.at)


def faults_of(errors: Sequence[Any], value: Any, adapter: TypeAdapter[Any]) -> Iterator[ValueFault]:
    """The mistakes in a value, in turn: unknown keys first, since others may miss them, then as its type has them.

    errors  : `ValidationError.errors()` of the adapter.
    value   : mappings, lists and plain values.
    adapter : validator of the type.
    """
    places: dict[KeyPath, list[_Problem]] = {}
    for found in errors:
        problem = _placed(found, value)
        places.setdefault(problem.before, []).append(problem)
    told = [each for problems in places.values() for each in _of_one_type(problems)]
    return (_fault(each, adapter) for each in sorted(told, key=lambda each: each[0].type not in UNKNOWN))


def _placed(found: Any, value: Any) -> _Problem:
    keys, before, of = list[str](), None, None
    *above, last = found["loc"] or ("",)
    missing = found["type"].startswith("missing")
    for part in above if missing else found["loc"]:
        if (isinstance(value, dict) and part in value) or (isinstance(value, list) and part in range(len(value))):
            value = value[part]
            keys.append(str(part))
        elif before is None:
            before, of = tuple(keys), part
    at = (*keys, str(last)) if missing else tuple(keys)
    told = found.get("ctx", {})
    return _Problem(found["type"], found["msg"], found["input"], told, at, at if before is None else before, of)


def _of_one_type(problems: list[_Problem]) -> list[list[_Problem]]:
    """The problems of a place as they are told: together, or each by itself, of the type that fits the value best."""
    gravest = min(problems, key=lambda problem: problem.order)
    if len(problems) == 1 or gravest.at == gravest.before:
        return [problems]
    return [[problem] for problem in problems if problem.of == gravest.of]


def _fault(problems: Sequence[_Problem], adapter: TypeAdapter[Any]) -> ValueFault:
    """The problems of one place as one mistake.

    A value that is a word or a mapping has the problems of both: those of the mapping count where one is written. Of
    one that is a word or a number, those of the words count.
    """
    words = [problem for problem in problems if str(problem.of).startswith("literal[")]
    others = [problem for problem in problems if problem not in words]
    first = min(others or problems, key=lambda problem: problem.order)
    nodes = schemas_at(adapter, first.at)
    if first.type in UNKNOWN:
        known = [key for one in schemas_at(adapter, first.at[:-1]) for key in one.get("properties", {})]
        return ValueFault(first.at, "unknown key", first.at[-1], did_you_mean(first.at[-1], known))
    if first.kind == "missing":
        return ValueFault(first.at, "missing", None, f"Add `{first.at[-1]}:`.")
    alike = [one for one in (first, *others) if one.at == first.at]
    for said in (one.told.get("error") for one in alike):
        if isinstance(said, Told) and said.key:
            return ValueFault(first.at, said.what, first.found.get(said.key), said.fix, said.key)
    if words and others and first.kind in BESIDE_WORDS:
        what, fix = _words_of(words[0], nodes)
        return ValueFault(first.at, what, first.found, f"{fix.removesuffix('.')}, or write {BESIDE_WORDS[first.kind]}.")
    of_its_kind = [one for one in alike if one.type in OUTSIDE or isinstance(one.told.get("error"), Told)]
    each = dict.fromkeys(_words_of(one, nodes) for one in of_its_kind or alike)
    first_fix, *more = (one.removesuffix(".") for _, one in each)
    fix = ", or ".join([first_fix, *(one[:1].lower() + one[1:] for one in more)]) + "."
    return ValueFault(first.at, " and ".join(dict.fromkeys(what for what, _ in each)), first.found, fix)


def _words_of(problem: _Problem, nodes: Sequence[Schema]) -> tuple[str, str]:
    """The fault and its fix; `nodes` are the schemas of the place, which know its bounds."""
    if isinstance(said := problem.told.get("error"), Told):
        return said.what, said.fix
    kind = problem.kind
    message = problem.message.removeprefix("Value error, ").removesuffix(".")
    if problem.told.get("pattern", NOT_BLANK) != NOT_BLANK:
        return "not of its form", f"Write text that matches {problem.told['pattern']}."
    what, fix = WRONG_KINDS.get(problem.type) or WRONG_KINDS.get(kind, (message, "Correct it."))
    if kind == "literal" and isinstance(problem.found, str):
        known = [word for one in nodes for word in one.get("enum", [one.get("const", "")]) if word]
        return what, did_you_mean(problem.found, dict.fromkeys(known))
    bounds = [f"{words} {one[key]:,.10g}" for one in nodes for key, words in BOUND_WORDS.items() if key in one]
    if kind == "int" and bounds:
        fix = "Write one that is {bounds}."
    says = "".join(f" {one['description']}" for one in nodes if problem.type in OUTSIDE and "description" in one)
    return what, fix.format(**{"bounds": " and ".join(bounds), **problem.told}) + says


def schemas_at(adapter: TypeAdapter[Any], at: KeyPath) -> list[Schema]:
    """The schemas that a type has for a place within a value: several where it may be of several types."""
    whole = _schema(adapter)

    def opened(schema: Schema) -> list[Schema]:
        either: list[Schema] = schema.get("anyOf") or schema.get("oneOf") or []
        if "$ref" in schema:
            either = [whole["$defs"][schema["$ref"].rpartition("/")[2]]]
        return [inner for one in either for inner in opened(one)] or [schema]

    schemas = opened(whole)
    for key in at:
        below = [one.get("properties", {}).get(key) or _of_others(one) for one in schemas]
        schemas = [inner for one in below if isinstance(one, dict) for inner in opened(one)]
    return schemas


def _of_others(schema: Schema) -> Any:
    """The schema of keys that are not declared by name, and of items."""
    by_pattern: Schema = schema.get("patternProperties", {})
    return next(iter(by_pattern.values()), None) or schema.get("additionalProperties") or schema.get("items")


@cache
def _schema(adapter: TypeAdapter[Any]) -> Schema:
    return adapter.json_schema()
