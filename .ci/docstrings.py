"""The house's docstrings as Markdown for the reference: `name : text` becomes a list, `>>>` a block of code."""

import re
from typing import Any

from griffe import Extension, Object

# `name : text`, several names with commas, and more than one of them on a line, two spaces apart.
ITEM = re.compile(r"(?P<names>[A-Za-z_][\w.]*(?:, [A-Za-z_][\w.]*)*)\s* : (?P<text>.*)")
NEXT = re.compile(r"(?<=\S)\s{2,}(?=[A-Za-z_][\w.]*(?:, [A-Za-z_][\w.]*)*\s* : )")
CODE = re.compile(r"(`[^`]*`)")


class HouseDocstrings(Extension):
    """Rewrites each docstring before it is rendered."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Rewrite the docstring of a module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """A docstring of the house as Markdown."""
    shown: list[str] = []
    item = code = False
    for line in text.splitlines():
        bare = line.strip()
        if code and bare:
            shown.append(line)
            continue
        if code:
            shown.append("```")
            code = False
        if bare.startswith(">>>"):
            shown += ["", "```python", line]
            code, item = True, False
        elif not bare:
            shown.append("")
            item = False
        elif (found := NEXT.split(line.rstrip()))[0][:1].strip() and ITEM.fullmatch(found[0]):
            shown += [] if item else [""]
            shown += [_item(part) for part in found]
            item = True
        elif item and (line[0] == " " or not shown[-1].endswith((".", ";"))):
            shown[-1:] = _continued(shown[-1], bare)
        else:
            shown += [""] if item else []
            shown.append(_plain(line))
            item = False
    return "\n".join([*shown, "```"] if code else shown)


def _continued(item: str, bare: str) -> list[str]:
    """An item with the line that goes on with it, which may begin others."""
    first, *others = NEXT.split(bare)
    return [f"{item} {_plain(first)}", *map(_item, others)]


def _item(part: str) -> str:
    found = ITEM.fullmatch(part.strip())
    assert found is not None, part
    names = ", ".join(f"`{name}`" for name in found["names"].split(", "))
    return f"- {names}: {_plain(found['text'])}"


def _plain(text: str) -> str:
    """The text with what Markdown would take for its own marked as plain, outside of code."""
    parts = CODE.split(text)
    return "".join(part if part.startswith("`") else re.sub(r"([*<\[\]])", r"\\\1", part) for part in parts)
