"""The parts of a section of a sheet: words, tables, pictures, folded details, and blocks side by side."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from backtests.sheets.tables import Block
from foundation.dataclasses import dataclass
from foundation.paper.picture import Picture


@dataclass(frozen=True)
class Words:
    """A paragraph.

    text : plain.
    kind : "note" (small), "intro" (small, above what it explains) or "" (as large as the page's text).
    """

    text: str
    kind: str = "note"


@dataclass(frozen=True)
class Folded:
    """Parts that a reader opens; closed at first, and left out on paper.

    summary : content in a few words.
    parts   : parts in order.
    """

    summary: str
    parts: Sequence["Part"]


@dataclass(frozen=True)
class Beside:
    """Narrow pictures, two in a row where the page is wide enough."""

    pictures: Sequence[Picture]


@dataclass(frozen=True)
class FilledTemplate:
    """A template of its own.

    template : file of the template.
    content  : value that the template calls `content`.
    """

    template: str
    content: Any


Part = (
    Words | Folded | Beside | FilledTemplate | Picture | Block
)  # a Block is a table, made by `backtests.sheets.tables`


def pictures_in(parts: Iterable[Part]) -> Iterator[Picture]:
    """Every picture of these parts, in order."""
    for part in parts:
        if isinstance(part, Picture):
            yield part
        elif isinstance(part, Beside):
            yield from part.pictures
        elif isinstance(part, Folded):
            yield from pictures_in(part.parts)


def sheet_pictures(sheet: Mapping[str, Any]) -> list[Picture]:
    """Every picture in the sections of a sheet, in order."""
    return [picture for section in sheet["sections"] for picture in pictures_in(section["parts"])]


def section_blocks(sections: Iterable[tuple[str, str, str, Sequence[Part]]]) -> list[Block]:
    """The sections of a sheet as its page has them, without those that have nothing to say.

    sections : address on the page, name in the contents, title and parts of each.
    """
    return [{"key": k, "name": name, "title": title, "parts": parts} for k, name, title, parts in sections if parts]


def facts_blocks(facts: Mapping[str, str]) -> list[Block]:
    """Facts or questions by name, as a page lists them; those without words are left out."""
    return [{"name": name, "words": words} for name, words in facts.items() if words]
