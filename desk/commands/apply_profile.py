"""A profile written into the text of a portfolio file: tracking penalty, limits and ranges; all else stays as it is."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from operator import itemgetter
from typing import Any

import yaml

from desk.commands.new_settings import PROFILES, range_of
from foundation.arguments import is_number
from foundation.dataclasses import dataclass
from research.portfolio.file.document import Document
from research.portfolio.file.strict_yaml import KeyPath

Edit = tuple[int, int, str]  # a part of a text, from its first letter to the one behind it, and what takes its place


@dataclass(frozen=True)
class KeyChange:
    """A key that a profile sets. before : its value, a range as a list; None where the file does not state it."""

    key: KeyPath
    before: Any
    after: Any


def changes_by(profile: str, tree: Mapping[str, Any]) -> tuple[KeyChange, ...]:
    """The keys to which a profile gives another value than a portfolio file has.

    A range is set for each asset that states one with a target above zero: half the target, at most the width of the
    profile, to either side, as `rebalance new` does. Policies stay, with bands that they state themselves.

    tree : mapping of the file, which its reader has taken.
    """
    settings = PROFILES[profile]
    wanted: dict[KeyPath, Any] = {
        ("tracking_penalty",): settings.penalty,
        ("limits", "tracking_error"): settings.tracking_error,
        ("limits", "max_drawdown"): settings.max_drawdown,
    }
    for asset, line in tree.get("lines", {}).items():
        if line.get("range") and is_number(target := line.get("target")) and target > 0.0:
            ends = range_of(Decimal(str(target)), settings.width)
            wanted["lines", asset, "range"] = [float(end) for end in ends]
    file = Document("", {**tree}, {})
    found = {key: file.value(*key, default=None) for key in wanted}
    return tuple(KeyChange(key, found[key], after) for key, after in wanted.items() if found[key] != after)


def with_profile(text: str, tree: Mapping[str, Any], profile: str) -> str:
    """The text of a portfolio file with the keys of a profile; comments, order and spaces stay as they are."""
    nested: dict[str, Any] = {}
    for change in changes_by(profile, tree):
        into = nested
        for key in change.key[:-1]:
            into = into.setdefault(key, {})
        into[change.key[-1]] = change.after
    root = yaml.compose(text, Loader=yaml.BaseLoader)
    for start, end, new in sorted(_edits(root, nested), key=itemgetter(0))[::-1]:  # later parts first
        text = text[:start] + new + text[end:]
    return text


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
        elif isinstance(value, list) and isinstance(below, yaml.SequenceNode):
            for each, one in zip(below.value, value, strict=True):
                yield each.start_mark.index, each.end_mark.index, _written(one)
        else:
            start, end = below.start_mark.index, below.end_mark.index
            yield start, end, f"{' ' if start == end else ''}{_written(value)}"


def _written(value: Any) -> str:
    """A number, or a mapping of numbers, as YAML."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_written(one)}' for key, one in value.items())}}}"
    return f"{value:g}"
