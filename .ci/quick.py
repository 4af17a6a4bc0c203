"""Run the tests of what was edited: those beside it and those that import it, but slow ones.

    python .ci/quick.py

Edited is what differs from the last commit, and what git does not know yet. The whole suite is `make test`.
"""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = ("foundation", "research", "backtests", "desk")
MOST = 25  # test files: those beside what was edited come first


def edited() -> set[Path]:
    """Python files that differ from the last commit, relative to the checkout."""
    said = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    paths = {Path(line[3:].rpartition(" -> ")[2]) for line in said.splitlines()}
    return {path for path in paths if path.suffix == ".py" and (ROOT / path).exists()}


def imported(path: Path) -> set[str]:
    """Names of modules that a file imports, and of what it imports from them."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def tests_of(changed: set[Path]) -> list[Path]:
    """The test files of changed files, the nearest first: themselves, those of their names, those that import them."""
    names = {
        ".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in changed if path.parts[0] in CODE
    }
    names |= {path.stem for path in changed if path.parent == Path("tests")}  # what several tests share
    beside = {Path("tests", *path.parts[:-1], f"test_{path.name}") for path in changed}
    tests = [path.relative_to(ROOT) for path in sorted(ROOT.glob("tests/**/test_*.py"))]
    near = [path for path in tests if path in changed or path in beside]
    return [*near, *(path for path in tests if path not in near and imported(path) & names)]


def main() -> int:
    """The exit status of pytest; 0 where nothing was edited."""
    changed = edited()
    found = tests_of(changed)
    doctests = sorted(path for path in changed if path.parts[0] in CODE)
    if not found and not doctests:
        print("No test imports what was edited." if changed else "No Python file differs from the last commit.")
        return 0
    if len(found) > MOST:
        print(f"{len(found)} test files import what was edited: the first {MOST}, and the rest with `make test`.")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "logical", "--dist", "loadfile", "-m", "not slow"]
    return subprocess.run([*command, *map(str, [*doctests, *found[:MOST]])], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
