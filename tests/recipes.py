"""The worked examples of docs/extending.md: which files each adds or changes, and what it then checks."""

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "extending.md"
HEADING = re.compile(r"^### (?P<title>.+)$", re.MULTILINE)
FENCE = re.compile(r'^```(?P<form>\w+) title="(?P<title>[^"]+)"\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL)
CODE = ("foundation", "research", "backtests", "desk")
CHECK = "check"


@dataclass
class Recipe:
    """How to add one thing. new : text by path.  changes : diff by path.  checks : code that must run afterwards."""

    title: str
    new: dict[str, str] = field(default_factory=dict)
    changes: dict[str, list[str]] = field(default_factory=dict)
    checks: list[str] = field(default_factory=list)

    @property
    def files(self) -> set[str]:
        """The files that it touches."""
        return {*self.new, *self.changes}

    def apply(self, folder: Path) -> None:
        """Make the files and the changes in a copy of the code."""
        for path, text in self.new.items():
            assert not (folder / path).exists(), f"{path} is there already"
            (folder / path).write_text(text)
        for path, diffs in self.changes.items():
            for diff in diffs:
                change(folder / path, diff)


def recipes() -> list[Recipe]:
    """All worked examples, in the order of the page."""
    text = PAGE.read_text()
    heads = list(HEADING.finditer(text))
    found = []
    for head, after in zip(heads, [*heads[1:], None], strict=True):
        recipe = Recipe(head["title"])
        for fence in FENCE.finditer(text, head.end(), len(text) if after is None else after.start()):
            if fence["title"] == CHECK:
                recipe.checks.append(fence["text"])
            elif fence["form"] == "diff":
                recipe.changes.setdefault(fence["title"], []).append(fence["text"])
            else:
                recipe.new[fence["title"]] = fence["text"]
        if recipe.files:
            found.append(recipe)
    return found


def change(path: Path, diff: str) -> None:
    """Apply assets of a diff without positions: those that begin with a space or - stand together in the file, once."""
    lines = diff.splitlines()
    before = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
    after = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
    text = path.read_text()
    assert f"\n{text}".count(f"\n{before}") == 1, f"{path} does not hold, once:\n{before}"
    path.write_text(text.replace(before, after, 1))


def copy_of_the_code(folder: Path) -> Path:
    """The packages, copied; data and the rest are those of the checkout."""
    for package in CODE:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for beside in ("data", "notebooks", "docs", "pyproject.toml"):
        (folder / beside).symlink_to(ROOT / beside)
    return folder
