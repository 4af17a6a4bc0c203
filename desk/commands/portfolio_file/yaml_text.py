"""Values written into the text of a YAML file; its comments, order and spaces stay as they are."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from operator import itemgetter
from typing import Any

import yaml

Edit = tuple[int, int, str]  # a part of a text, from its first letter to the one behind it, and what takes its place


def with_values(text: str, wanted: Mapping[str, Any]) -> str:
    """The text of a mapping with other values of some of its keys.

    wanted : by key, a number, a word, a mapping of these, or a list; a list of another length stays unless it stands in
             brackets.

    >>> with_values("a: 1    # one\\nb: {c: x}\\n", {"a": 2, "b": {"c": "on"}})
    'a: 2    # one\\nb: {c: "on"}\\n'
    >>> with_values("a: >-\\n  x\\nb: y\\n", {"a": "z"})
    'a: z\\nb: y\\n'
    """
    root = yaml.compose(text, Loader=yaml.BaseLoader)
    for start, end, new in sorted(_edits(root, wanted), key=itemgetter(0))[::-1]:  # later parts first
        text = text[:start] + new + text[end:]
    return text


def yaml_word(text: str) -> str:
    """A text as YAML, in quotes where it would be read as something else."""
    with suppress(yaml.YAMLError):
        if yaml.safe_load(f"[{text}]") == [text]:
            return text
    return json.dumps(text, ensure_ascii=False)


def _edits(node: Any, wanted: Mapping[str, Any]) -> Iterator[Edit]:
    """The edits by which a mapping of a text, as PyYAML composes it, gets the values that are wanted."""
    known = {key.value: value for key, value in node.value}
    for key, value in wanted.items():
        below = known.get(key)
        if below is None:  # before the first key
            first = node.value[0][0].start_mark if node.value else node.start_mark
            start = first.index if node.value else first.index + 1  # `{}` has no key
            behind = ", " if node.flow_style else "\n" + " " * first.column
            yield start, start, f"{key}: {_written(value)}{behind}"
        elif isinstance(value, dict) and isinstance(below, yaml.MappingNode):
            yield from _edits(below, value)
        elif isinstance(value, list) and isinstance(below, yaml.SequenceNode) and len(value) == len(below.value):
            for each, one in zip(below.value, value, strict=True):
                yield each.start_mark.index, each.end_mark.index, _written(one)
        elif not isinstance(value, list) or below.flow_style:
            start, end = below.start_mark.index, below.end_mark.index
            behind = "\n" if getattr(below, "style", "") in ("|", ">") else ""  # a block ends with its last line
            yield start, end, f"{' ' if start == end else ''}{_written(value)}{behind}"


def _written(value: Any) -> str:
    """A number, a word, or a list or a mapping of these, as YAML."""
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_written(one)}' for key, one in value.items())}}}"
    return yaml_word(value) if isinstance(value, str) else f"{value:g}"
