"""Keep what the workbench prints and writes, to be compared after a change that should alter nothing.

    python .ci/outputs.py FOLDER

FOLDER gets a file for each command and shipped portfolio file, with all that it printed and a line for each file that
it wrote: tables, JSON and text as they are, pictures by their hash. It also gets what each of hundreds of broken
portfolio files and broken tables is told. What must differ is masked: names of runs and hashes that hold them, commits
of code, times, paths of modules and of the folder itself. Compare two such folders with `diff -r`.
"""

import hashlib
import importlib
import importlib.metadata
import io
import json
import os
import random
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

ROOT = Path(__file__).parents[1]
FILES = sorted([*ROOT.glob("data/portfolios/*.yaml"), *ROOT.glob("data/examples/*.yaml")])
DAY = "2022-12-29"
REPORTED = ("sixty_forty", "five_targets", "under_limits", "global_multi_asset")
BROKEN, TABLES, SEED = 300, 250, 1
MASKS = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"(-\d{4}-\d{2}-\d{2}-)[0-9a-f]{8}\b"), r"\1RUN"),
    (re.compile(r"\b[0-9a-f]{40}\b"), "COMMIT"),
    (re.compile(r"\b(?:research|backtests|desk|foundation)(?:\.\w+)+\b"), "MODULE"),
    (re.compile(r"\b(?:research|backtests|desk|foundation)(?:/\w+)+\.py\b"), "MODULE"),
    (re.compile(r"(?m)^\d\d:\d\d:\d\d .*\n"), ""),
    (re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|\+00:00)?"), "TIME"),
    (re.compile(r'"seconds": [\d.]+'), '"seconds": S'),
    (re.compile(r"\b[\d,]+ days ago"), "N days ago"),
    (re.compile(r'"code": "[^"]*"'), '"code": CODE'),
    (re.compile(r"\bcode [0-9a-f]{12}(?:\+[0-9a-f]+)?"), "code CODE"),
    (re.compile(r'("[^"]+\.(?:html|json|ipynb|md|txt)"|"trades.csv"|"sha256"|"hash"): "[0-9a-f]{64}"'), r"\1: HASH"),
    (re.compile(r"(?m),[0-9a-f]{16}$"), ",LIST"),
)


def masked(text: str, folder: Path) -> str:
    """A text without what differs from run to run."""
    for place, name in ((folder.resolve(), "WORK"), (folder, "WORK"), (ROOT, "ROOT")):
        text = text.replace(str(place), name)
    for pattern, by in MASKS:
        text = pattern.sub(by, text)
    return text


def command(*words: object) -> tuple[int, str]:
    """The exit status of a command, and all that it printed."""
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name="rebalance")
    out, status = io.StringIO(), 0
    with patch.object(sys, "argv", ["rebalance", *map(str, words)]), redirect_stdout(out), redirect_stderr(out):
        shown = warnings.showwarning
        try:
            entry.load()()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
        finally:
            warnings.showwarning = shown
    return status, out.getvalue()


def written(folder: Path) -> Iterator[str]:
    """A paragraph for each file of a folder: its text, or its hash."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.startswith("."):
            continue
        name = masked(path.relative_to(folder).as_posix(), folder)
        if path.suffix in (".csv", ".md", ".txt", ".fix", ".yaml"):
            yield f"=== {name}\n{masked(path.read_text(encoding='utf-8'), folder)}"
        elif path.suffix == ".json":
            text = json.dumps(json.loads(path.read_text()), indent=1, ensure_ascii=False)
            yield f"=== {name}\n{masked(text, folder)}"
        elif path.suffix == ".html":
            yield f"=== {name}\n{_words(masked(path.read_text(encoding='utf-8'), folder))}"
        elif path.suffix == ".parquet":
            import pandas as pd

            frame = pd.read_parquet(path)
            yield f"=== {name}\n{list(frame.columns)}\n{masked(frame.to_csv(), folder)}"
        elif path.suffix == ".svg":
            yield f"=== {name} {hashlib.sha256(masked(path.read_text(), folder).encode()).hexdigest()[:16]}"
        else:
            yield f"=== {name}"


def _words(page: str) -> str:
    """The text of a page, a line a block, without its pictures' paths and its style."""
    page = re.sub(r"(?s)<(style|script)\b.*?</\1>", "", page)
    page = re.sub(r"(?s)<svg\b.*?</svg>", lambda m: f"[svg {hashlib.sha256(m[0].encode()).hexdigest()[:12]}]", page)
    text = re.sub(r"<[^>]+>", "\n", page)
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def commands(work: Path) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Name and words of each command that is kept; what it writes goes below `work`."""
    for file in FILES:
        name, reports = file.stem, ("--reports", work / "reports")
        yield f"trades-{name}", ("trades", file, "--as-of", DAY, "--stale-ok", *reports)
        yield f"risk-{name}", ("risk", file, "--as-of", DAY, "--paths", 500, *reports)
        if name.startswith("plan_"):
            yield f"plan-{name}", ("plan", file, "--paths", 500, *reports)
        yield f"allocate-{name}", ("allocate", file)
        yield f"backtest-{name}", ("research", "backtest", file, "--policy", _policy(file), "--sheet", *reports)
        if file.parent.name == "examples":
            continue
        yield f"forecast-{name}", ("forecast", file)
        yield f"audit-{name}", ("research", "audit", file, "--policy", _policy(file), "--days", 4)
        if name in REPORTED:
            yield f"report-{name}", ("report", file, "-p", "draws=200", *reports)
    shipped = ROOT / "data" / "portfolios"
    for ending in _endings():
        out = ("--out", work / "out" / f"orders{ending}")
        yield f"ticket{ending}", ("trades", shipped / "desk.yaml", "--as-of", DAY, "--stale-ok", *out)
    yield "batch", ("batch", shipped / "sixty_forty.yaml", shipped / "five_targets.yaml", "--reports", work / "batch")
    for sweep in sorted(ROOT.glob("data/sweeps/*.yaml")):
        yield f"sweep-{sweep.stem}", ("research", "sweep", sweep, "--reports", work / "sweeps")
    yield "policies", ("research", "policies")
    yield "trials", ("research", "trials")
    yield "runs", ("runs", "--reports", work / "reports")
    yield "nothing", ("report", work / "missing.yaml")


def _endings() -> list[str]:
    """The endings of files that a trade list can be written to."""
    return list(importlib.import_module("desk.tickets.formats").FORMATS)


def compared(file: Path) -> str:
    """What a comparison of a file prints."""
    from backtests.comparison import compare
    from research.portfolio import load_portfolio

    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            return str(compare(load_portfolio(file), draws=100))
        except ValueError as error:
            return f"{type(error).__name__}: {error}"


def _policy(file: Path) -> str:
    tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    return str(tree.get("policy") or next(iter(tree["policies"])))


# -- broken files ------------------------------------------------------------------------------------------------------


def broken_portfolios(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Name and text of portfolio files with one thing wrong each."""
    wrong: list[tuple[str, Callable[[Any], Any]]] = [
        ("text", lambda v: "no such thing"), ("minus", lambda v: -1.5), ("large", lambda v: 1e9),
        ("list", lambda v: [v]), ("mapping", lambda v: {"nothing": 1}), ("flag", lambda v: True),
        ("nothing", lambda v: ""),
    ]  # fmt: skip
    for number in range(BROKEN):
        file = rng.choice(FILES)
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
        places = list(_places(tree))
        path = rng.choice(places)
        *above, last = path
        parent = tree
        for key in above:
            parent = parent[key]
        kind, change = rng.choice(wrong)
        if rng.random() < 0.2 and isinstance(last, str):
            kind, parent[f"{last}x"] = "renamed", parent.pop(last)
        else:
            parent[last] = change(parent[last])
        where = ".".join(map(str, path))
        yield f"{number:03} {file.stem} {where} {kind}", yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)


def _places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inside:
        yield (*path, key)
        yield from _places(value, (*path, key))


def told_of_portfolios(work: Path) -> str:
    """What loading each broken portfolio says."""
    from research.portfolio import load_portfolio

    said = []
    for name, text in broken_portfolios(random.Random(SEED)):
        file = work / "broken.yaml"
        file.write_text(text, encoding="utf-8")
        for beside in ROOT.glob("data/*/*.csv"):
            if not (work / beside.name).exists():
                shutil.copy(beside, work / beside.name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                load_portfolio(file)
                answer = "loads"
            except ValueError as error:
                answer = f"{type(error).__name__}: {error}"
            except Exception as error:
                answer = f"TRACEBACK {type(error).__name__}: {error}"
        said.append(f"{name}\n    {masked(answer, work)}")
    return "\n".join(said)


def told_of_tables(work: Path) -> str:
    """What reading each broken table gives: right, refused, noted or wrong."""
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "research")]
    import test_fuzzed_tables as fuzzed

    kinds = fuzzed.kinds(work)
    return "\n".join(f"{name}: {fuzzed.fuzz(*kind, count=TABLES, seed=SEED)!r}" for name, kind in kinds.items())


def main(folder: Path) -> int:
    """Keep everything; gives 1 where the folder holds something already."""
    if folder.exists() and any(folder.iterdir()):
        print(f"{folder} is not empty: give a new one.")
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    os.environ |= {"COLUMNS": "120", "SOURCE_DATE_EPOCH": "0"}
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        os.environ["XDG_DATA_HOME"] = str(work / "home")  # of the trial book
        (work / "out").mkdir()
        (work / "broken").mkdir()
        for name, words in commands(work):
            print(name, flush=True)
            for part in ("reports", "sweeps", "batch", "out"):
                shutil.rmtree(work / part, ignore_errors=True)
            (work / "out").mkdir()
            (work / "reports").mkdir()
            status, said = command(*words)
            parts = [f"exit status {status}", masked(said, work)]
            for part in ("reports", "sweeps", "batch", "out"):
                parts += written(work / part) if (work / part).exists() else []
            (folder / f"{name}.txt").write_text("\n".join(parts), encoding="utf-8")
        for file in FILES:
            (folder / f"compare-{file.stem}.txt").write_text(masked(compared(file), work), encoding="utf-8")
        (folder / "broken-portfolios.txt").write_text(told_of_portfolios(work / "broken"), encoding="utf-8")
        (folder / "broken-tables.txt").write_text(told_of_tables(work / "broken"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
