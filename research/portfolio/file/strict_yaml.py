"""Strict YAML: plain values, and the line of each key. What YAML would guess or drop is an error.

Values are text, numbers, true, false, lists and mappings, as YAML 1.2 reads them: dates stay text, keys are always
text (a ticker may be ON or 600519), and a key that appears twice is an error, where YAML would silently keep the last.
"""

import math
import re
from copy import deepcopy
from functools import lru_cache
from typing import Any

import yaml

from foundation.arguments import cut, shown
from foundation.errors import ConfigError
from foundation.files import check_there
from foundation.table_files import quoted

KeyPath = tuple[str, ...]  # where a value stands, key by key: ("lines", "SPY", "target")
Lines = dict[KeyPath, int]

INTEGER = re.compile(r"[-+]?[0-9][0-9_]*")
NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?")
NOT_ZERO = re.compile(r"[-+0._]*[1-9]")  # a number that has a digit other than zero before its exponent
PLAIN_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
NO_NUMBERS = (".nan", ".inf", "+.inf", "-.inf")
MOST_DIGITS = 300  # of a whole number that is read as one: a longer one would not fit into a float
DEEPEST = 32  # levels of lists and mappings in each other
MOST_FILE_BYTES = 10_000_000  # bytes of a file: minutes of reading
NODE_TAGS = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))


class _Composer(yaml.SafeLoader):
    """Composes nodes and guesses no types. It knows no aliases: a value is written where it is meant."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (the attribute is PyYAML's)
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            alias = self.get_event()
            raise yaml.composer.ComposerError(None, None, "an alias is not read", alias.start_mark)
        if self.depth > DEEPEST:
            what, mark = f"lists and mappings are more than {DEEPEST} levels deep", self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, what, mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def read_yaml(file: str) -> tuple[dict[str, Any], Lines]:
    """The mapping that a file holds, and the line of each key, from 1.

    Raises : ConfigError for a file that is missing, empty, too long, not UTF-8 or not YAML; for a key that appears
    twice, a tag, an alias, too many levels, and a number that is not finite or that no float can hold.
    """
    check_there(file)
    try:
        with open(file, "rb") as opened:
            content = opened.read(MOST_FILE_BYTES + 1)
        text = content.decode("utf-8").replace("\r\n", "\n")
    except (OSError, ValueError) as error:  # a path with NUL and text that is not UTF-8 are ValueErrors
        raise ConfigError(f"{cut(file)} cannot be read: {cut(str(error))}. Give a YAML file in UTF-8.") from error
    if len(content) > MOST_FILE_BYTES:
        raise ConfigError(
            f"{file} has more than {MOST_FILE_BYTES:,} bytes. Give the YAML file of a portfolio or a sweep."
        )
    values, lines = _parsed(file, text)
    return deepcopy(values), dict(lines)


@lru_cache(maxsize=4)  # one load reads its file and the shared stresses more than once
def _parsed(file: str, text: str) -> tuple[dict[str, Any], Lines]:
    """The mapping that a text holds, and the line of each key. file : its name in messages."""
    try:
        root = yaml.compose(text, Loader=_Composer)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise ConfigError(f"not YAML ({file}{where}): {cut(problem)}. Correct the syntax there.") from error
    lines: Lines = {}
    values = None if root is None else _value(file, root, (), lines)
    if not isinstance(values, dict):
        raise ConfigError(f"{file} holds no keys: found {quoted(values)}. Write `name: ...`, one key a line.")
    return values, lines


def dotted(path: KeyPath) -> str:
    """A path as a person writes it.

    >>> dotted(("lines", "SPY", "target"))
    'lines.SPY.target'
    """
    return cut(".".join(path)) or "the file"


def _value(file: str, node: yaml.Node, path: KeyPath, lines: Lines) -> Any:
    """The value of a node; the lines of its keys are written into `lines`."""
    place = f"({file}, line {node.start_mark.line + 1})"
    if node.tag not in NODE_TAGS:
        raise ConfigError(f"{dotted(path)}: a tag is not read {place}: found {cut(node.tag)}. Remove it.")
    if isinstance(node, yaml.MappingNode):
        return _mapping(file, node, path, lines)
    if isinstance(node, yaml.SequenceNode):
        return [_value(file, item, (*path, str(k)), lines) for k, item in enumerate(node.value)]
    if not isinstance(node, yaml.ScalarNode) or node.style is not None:
        return node.value
    scalar = _scalar(node.value)
    if node.value.lower() in NO_NUMBERS or (isinstance(scalar, float) and math.isinf(scalar)):
        found = cut(node.value)
        raise ConfigError(f"{dotted(path)}: not a finite number {place}: found {found}. Write a plain number.")
    if scalar == 0 and not isinstance(scalar, bool) and NOT_ZERO.match(node.value):
        raise ConfigError(f"{dotted(path)}: too small a number {place}: found {cut(node.value)}. Write 0.")
    return scalar


def _mapping(file: str, node: yaml.MappingNode, path: KeyPath, lines: Lines) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise ConfigError(f"{dotted(path)}: a key is not text ({file}, line {line}). Write a plain name.")
        key = str(key_node.value)
        below = (*path, key)
        if key in mapping:
            raise ConfigError(
                f"{dotted(below)}: the key appears twice ({file}, lines {lines[below]} and {line}): found "
                f"{shown(key)}. Keep one of the two."
            )
        lines[below] = line
        mapping[key] = _value(file, value_node, below, lines)
    return mapping


def _scalar(text: str) -> str | float | int | bool | None:
    """A plain scalar as YAML 1.2 reads it, with underscores in numbers; dates stay text.

    >>> [_scalar(text) for text in ("1_000", "1e-3", "010", "no", "true", "2022-06-30")]
    [1000, 0.001, 10, 'no', True, '2022-06-30']
    """
    if text.lower() in PLAIN_WORDS:
        return PLAIN_WORDS[text.lower()]
    if INTEGER.fullmatch(text) and len(text) <= MOST_DIGITS:
        return int(text.replace("_", ""))
    return float(text.replace("_", "")) if NUMBER.fullmatch(text) else text
