"""Compare what the commands of the working tree print and write with what those of another commit do.

    python .ci/outputs.py            # with the last landed commit: origin/main, or HEAD where there is none
    python .ci/outputs.py COMMIT     # `make outputs BASE=COMMIT`; with ONLY=desk the sessions with this in their names
    python .ci/outputs.py --of FOLDER  # only keep what the code on PYTHONPATH gives, as the comparison does twice

After a change that should alter nothing, nothing differs. Both codes run from one copy of their files, below
.cache/outputs, so that paths are the same; what a commit gave is kept there. A session has a folder of its own, where
its commands run one after another. Its file has each command with what it printed, its exit status, and each file that
it wrote: tables, JSON and text as they are, pages as their words, their pictures and markup by hash. Other files have
the service's answers to its preview scenarios, and what each of hundreds of broken portfolio files and broken tables is
told. What must differ is masked: times, names of runs, hashes that hold times or code, commits, and paths of modules.
"""

import hashlib
import importlib
import io
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

from foundation.compiled.store import folders

ROOT = Path(__file__).parents[1]
KEPT = ROOT / ".cache" / "outputs"
ONLY = os.environ.get("ONLY", "")  # a part of the names of sessions, a regular expression
TREE, WORK = KEPT / "tree", KEPT / "work"
DAY = "2022-12-29"
REPORTED = ("sixty_forty", "five_targets", "under_limits", "global_multi_asset")
BROKEN, TABLES, SEED = 300, 250, 1
PROCESSES, LONG = 2, 300_000  # of this length in characters a file is kept by its beginning and hash

OF_A_FILE = f"""
risk {{file}} --paths 500
allocate {{file}}
research backtest {{file}} --policy {{policy}} --sheet
data check {{file}}
desk run {{file}} --as-of {DAY} --record record.json --record cycle.html
desk history {{file}} --view governance --as-of {DAY} --out governance.html
"""
OF_A_LIST = f"""
trades {{file}} --as-of {DAY} --accept stale --out orders{{ending}}
"""
OF_A_PORTFOLIO = """
forecast {file}
research audit {file} --policy {policy} --days 4
"""
OF_A_PLAN = """
plan {file} --paths 500
"""
OF_A_REPORT = """
report {file} -p draws=200
"""
WRITTEN = {  # files that sessions begin with
    "quotes.csv": "symbol,last,volume\nSPY,376.66,1000\nAGG,97.09,352\n",
    "fills.csv": "fill_id,moment,asset,side,quantity,price,currency\n1,2022-12-29T15:00:00Z,SPY,buy,5,383.50,USD\n",
    "news.csv": "published,title,asset\n2022-12-20T14:00Z,Shares of SPY rally on strong earnings,\n",
}
SESSIONS = {
    "desk": f"""
        desk book open desk.yaml --as-of 2022-12-27
        trades desk.yaml --as-of 2022-12-27 --out first.json
        desk approve first.json
        desk execute first.json --exchange paper --quotes quotes.csv --dry-run
        desk execute first.json --exchange paper --quotes quotes.csv
        desk book show desk
        trades desk.yaml --as-of 2022-12-28 --out second.json
        desk execute second.json --exchange paper --portfolio desk.yaml
        desk history ORDER --view why
        desk tca --portfolio desk.yaml --out costs.html --out costs.csv
        desk history desk.yaml --view live --out live.html
        desk run desk.yaml --as-of {DAY} --record record.json --record cycle.html --view timeline
        desk history --out pages
        desk history desk.yaml --view governance --as-of 2022-12-30 --out governance.html
        desk watch status
        desk book fill desk fills.csv
        desk book settle desk --dry-run
        desk book settle desk 1 --dismiss
        desk book show desk --positions data/portfolios/positions.csv
        desk journal
        desk journal first.json
        desk journal --out journal.csv
        """,
    "data": """
        data import prices.csv --as mine --adjustment total
        new my.yaml SPY=60 AGG=30 GLD=10 --nav 1000000 --store mine
        new held.yaml --positions data/portfolios/positions.csv --store mine
        data check my.yaml
        data check mine
        data list
        data list sources
        data check my.yaml --revisions all
        trades my.yaml --as-of 2022-12-29
        adopt my.yaml
        data news data/examples/allocation_news.yaml news.csv
        """,
    "runs": """
        report data/portfolios/sixty_forty.yaml -p draws=200
        research backtest data/portfolios/five_targets.yaml --policy quarterly
        runs
        runs --json
        runs show home/reports/sixty_forty-*
        runs show home/reports/sixty_forty-* home/reports/five_targets-*
        runs show home/reports/sixty_forty-* --verify
        runs show home/reports/five_targets-* --note "for the committee"
        runs replay home/reports/five_targets-*
        runs
        research trials
        """,
    "research": """
        research policies
        research laboratory --paths 100
        research sweep data/sweeps/thresholds.yaml
        """,
    "batch": """
        batch data/portfolios/sixty_forty.yaml data/portfolios/five_targets.yaml -p draws=200
        """,
    "service": """
        serve store migrate
        serve store check
        serve user add ann@example.com --name Ann --role admin
        serve user list
        serve user link ann@example.com
        serve user disable ann@example.com
        serve store backup night.backup
        serve store rotate-keys
        """,
    "tour": "tour",
    "nothing": "report missing.yaml",
}
LEFT_OUT = {  # commands, each with the reason
    "data fetch": "asks a source on the web",
    "research study": "takes an hour",
    "research cluster": "runs until it is ended",
    "desk install": "changes what starts with the machine",
    "serve": "runs until it is ended",
    "serve worker": "runs until it is ended",
    "serve mcp": "answers an assistant on stdin",
}
MASKS = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"(\d{4}-\d{2}-\d{2}-)[0-9a-f]{8}\b"), r"\1RUN"),
    (re.compile(r"\b(laboratory-seed-\d+-)[0-9a-f]{8}\b"), r"\1RUN"),
    (re.compile(r"\b[0-9a-f]{40}\b"), "COMMIT"),
    (re.compile(r"\bsources-[0-9a-f]{12}\b"), "CODE"),
    (re.compile(r"\b(?:research|backtests|desk|foundation)(?:\.\w+)+\b"), "MODULE"),
    (re.compile(r"\b(?:research|backtests|desk|foundation)(?:/\w+)+\.py\b(?::\d+)?"), "MODULE"),
    (re.compile(r"(?m)^(?:\d\d:\d\d:\d\d .*|Compiling .* for this machine, once\.)\n"), ""),
    (re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|\+00:00)?"), "TIME"),
    (re.compile(r'(seconds":) ?[\d.]+'), r"\1 S"),
    (re.compile(r"\b[\d.]+ s of processor time"), "S s of processor time"),
    (re.compile(r"(run TIME(?: UTC)? +)[0-9a-f]{8}\b"), r"\1CYCLE"),
    (re.compile(r"(?m)^(\S+-RUN +\w+ +TIME .*?) +\d+((?:  \D.*)?)$"), r"\1 S\2"),  # seconds in the list of runs
    (re.compile(r"\b[\d,]+ days ago"), "N days ago"),
    (re.compile(r'"code": "[^"]*"'), '"code": CODE'),
    (
        re.compile(r'("[^"]+\.(?:html|json|ipynb|md|txt|xlsx)"|"trades.csv"|"sha256"|"hash"): "[0-9a-f]{64}"'),
        r"\1: HASH",
    ),
    (re.compile(r"(?m),[0-9a-f]{16}$"), ",LIST"),
    (re.compile(r"/register#\S+"), "/register#LINK"),
    (re.compile(r"\b(?:\d{8}T\d{6}|(?<=/)[0-9a-f]{16})-[0-9a-f]{16}\b"), "STORED"),
    (re.compile(r'\b(Head: |the last |Record |sha256"+:"+)[0-9a-f]{64}'), r"\1HASH"),
    (re.compile(r'(?m),[0-9a-f]{64}(?=\r?$|,"\{)'), ",HEAD"),
)


# -- comparison --------------------------------------------------------------------------------------------------------


def main(*words: str) -> int:
    """Keep what both codes give, and print what differs; 1 where something does."""
    if words[:1] == ("--of",):
        keep(Path(words[1]))
        return 0
    refuse_forgotten()
    git = ["git", "-C", str(ROOT)]
    landed = subprocess.run([*git, "rev-parse", "--verify", "--quiet", "origin/main"], capture_output=True, check=False)
    asked = words[0] if words else "HEAD" if landed.returncode else "origin/main"
    commit = subprocess.check_output([*git, "rev-parse", "--verify", f"{asked}^{{commit}}"], text=True).strip()
    script = hashlib.sha256(Path(__file__).read_bytes() + ONLY.encode()).hexdigest()
    base, now = KEPT / f"{commit[:12]}-{script[:8]}", KEPT / "now"
    if not base.exists():
        print(f"What {commit[:12]} gives:", flush=True)
        files = subprocess.check_output([*git, "archive", commit])
        subprocess.run(["tar", "-x", "-C", str(_empty(TREE))], input=files, check=True)
        _run(base)
    print("What the working tree gives:", flush=True)
    names = subprocess.check_output([*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], text=True)
    _empty(TREE)
    for name in (name for name in names.split("\0") if (ROOT / name).is_file()):
        (TREE / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, TREE / name)
    _run(now)
    shutil.rmtree(TREE)
    diff = ["diff", "--recursive", "--unified=1", "--show-function-line=^[$=]", base.name, now.name]
    found = subprocess.run(diff, cwd=KEPT, check=False)
    print(f"It differs from {asked}; all is in {KEPT}." if found.returncode else f"Nothing differs from {asked}.")
    return int(found.returncode != 0)


def _run(folder: Path) -> None:
    """Keep in a folder what the code in `TREE` gives, whole or not at all."""
    shutil.rmtree(folder, ignore_errors=True)
    part = _empty(folder.with_name("part"))
    cache = str(folders()[0][0].parent)  # kernels are named by their content
    settings = {"PYTHONPATH": str(TREE), "NUMBA_CACHE_DIR": cache, "COLUMNS": "120", "SOURCE_DATE_EPOCH": "0"}
    settings |= {"OMP_NUM_THREADS": "1", "LOKY_MAX_CPU_COUNT": "1", "REBALANCE_TRUST_CODE": "1", "TZ": "UTC"}
    command = [sys.executable, __file__, "--of", str(part)]
    subprocess.run(command, env=os.environ | settings, cwd=TREE, check=True)
    part.rename(folder)


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def refuse_forgotten() -> None:
    """End the script where a command is neither run nor left out for a reason, or where no command has the name."""
    sys.path.insert(0, str(ROOT))
    names, texts = _commands(), (OF_A_FILE, OF_A_LIST, OF_A_PORTFOLIO, OF_A_PLAN, OF_A_REPORT, *SESSIONS.values())
    lines = [line.strip() for text in texts for line in text.strip().splitlines()]
    run = {max((name for name in names if f"{line} ".startswith(f"{name} ")), default=line, key=len) for line in lines}
    if forgotten := names - run - LEFT_OUT.keys():
        sys.exit(f"No session of .ci/outputs.py runs {', '.join(sorted(forgotten))}: add it, or a reason to LEFT_OUT.")
    if unknown := (run | LEFT_OUT.keys()) - names:
        sys.exit(f".ci/outputs.py names {', '.join(sorted(unknown))}: the command line has no such command.")


def _commands() -> set[str]:
    """The words of each command, and of each group that does something alone."""
    from desk.cli import COMMANDS, HIDDEN
    from desk.cli.command_types import Group

    names, waiting = set(), [("", COMMANDS | HIDDEN)]
    for path, table in waiting:
        for name, each in table.items():
            if isinstance(each, Group):
                waiting.append((f"{path}{name} ", each.commands))
            if not isinstance(each, Group) or each.alone:
                names.add(path + name)
    return names


# -- what one code gives -----------------------------------------------------------------------------------------------


def keep(folder: Path) -> None:
    """Keep in a folder what the code on PYTHONPATH gives, a file a session; the long ones begin."""
    import desk

    if not Path(desk.__file__).is_relative_to(TREE):
        sys.exit(f"{desk.__file__} would be run, not {TREE}: this is called by `make outputs`.")
    names = sorted(_commands())
    texts = SESSIONS | {"help": "\n".join(f"{name} --help" for name in ["", *names])}
    files = sorted([*TREE.glob("data/portfolios/*.yaml"), *TREE.glob("data/examples/*.yaml")])
    for file in files:  # of a file without a policy in force nothing is traded
        if "policy" not in (tree := yaml.safe_load(text := file.read_text(encoding="utf-8"))):
            file.write_text(f"{text}\npolicy: {next(iter(tree['policies']))}\n", encoding="utf-8")
    jobs: dict[str, tuple[Any, ...]] = {name: (session, name, text) for name, text in texts.items()}
    jobs |= {"broken-portfolios": (told_of_portfolios, files), "broken-tables": (told_of_tables,)}
    jobs |= {"scenarios": (scenarios,)} | {f"{file.parent.name}-{file.stem}": (session_of, file) for file in files}
    jobs = {name: job for name, job in jobs.items() if re.search(ONLY, name)}
    with ProcessPoolExecutor(PROCESSES) as pool:
        told = {name: pool.submit(*job) for name, job in jobs.items()}
        for number, (name, text) in enumerate(told.items(), 1):
            (folder / f"{name}.txt").write_text(text.result(), encoding="utf-8")
            print(f"\r{number} of {len(jobs)} {name:<40}", end="\n" * (number == len(jobs)), flush=True)
    shutil.rmtree(WORK)


def session_of(file: Path) -> str:
    """All that is said of a shipped portfolio file."""
    tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    shipped, lists = file.parent.name == "portfolios", file.stem.startswith("orders")
    endings = importlib.import_module("desk.tickets.formats").FORMATS if shipped or lists else [".json"]
    lines = OF_A_FILE + OF_A_PORTFOLIO * shipped + OF_A_PLAN * ("plan" in tree)
    lines += "".join(OF_A_LIST.replace("{ending}", ending) for ending in endings)
    lines += OF_A_REPORT * (file.stem in REPORTED)
    told = session(f"{file.parent.name}-{file.stem}", lines.format(file=file.relative_to(TREE), policy=tree["policy"]))
    return f"{told}\n{compared(file)}"


def session(name: str, text: str) -> str:
    """The commands of a session in a folder of its own, each with all that it printed and wrote."""
    work = _empty(WORK / name)
    os.chdir(work)
    folders = {"HOME": "home", "DATA": "prices", "TRIALS": "trials", "FORECASTS": "forecasts"}
    os.environ |= {f"REBALANCE_{name}": str(work / folder) for name, folder in folders.items()}
    _prepare(work)
    seen, parts = dict(_written(work)), []
    for line in filter(None, map(str.strip, text.strip().splitlines())):
        status, said = command(*(each for word in shlex.split(line) for each in _expanded(word)))
        parts += [f"$ rebalance {line}", masked(said), *([f"exit status {status}"] if status else [])]
        for path, state in _written(work):
            if seen.get(path) != state:
                text = masked(f"=== {path.relative_to(work)}\n{shown(path)}")
                parts.append(text if len(text) < LONG else f"{text[:1_000]}…\n[all {_hash(text)}]")
                seen[path] = state
    os.chdir(TREE)
    return "\n".join(parts)


def _prepare(work: Path) -> None:
    """Write the files that the sessions begin with."""
    (work / "data").symlink_to(TREE / "data")
    sixty_forty = (TREE / "data/portfolios/sixty_forty.yaml").read_text(encoding="utf-8")
    (work / "desk.yaml").write_text(f"{sixty_forty}\npositions: {{book: desk}}\n", encoding="utf-8")
    rows = (TREE / "data/multi_asset_daily/close_unadjusted.csv").read_text(encoding="utf-8").splitlines()
    cells = [row.split(",") for row in rows if row.startswith(("date", "2018", "2019", "2020", "2021", "2022"))]
    columns = [cells[0].index(name) for name in ("date", "SPY", "AGG", "GLD")]
    (work / "prices.csv").write_text("\n".join(",".join(row[k] for k in columns) for row in cells), encoding="utf-8")
    for name, text in WRITTEN.items():
        (work / name).write_text(text, encoding="utf-8")


def _written(work: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    """Each file of a folder with its state; databases and hidden files are left out."""
    for path in sorted(work.rglob("*")):
        if path.is_file() and not path.name.startswith(".") and ".sqlite" not in path.name:
            state = path.stat()
            yield path, (state.st_mtime_ns, state.st_size)


def _expanded(word: str) -> list[str]:
    """The words that a word stands for: paths for a *, and for ORDER the id of the first order of first.json."""
    if word == "ORDER":
        return [str(json.loads(Path("first.json").read_text(encoding="utf-8"))["orders"][0]["client_order_id"])]
    return sorted(map(str, Path().glob(word))) if "*" in word else [word]


def command(*words: str) -> tuple[int, str]:
    """The exit status of a command, and all that it printed. Each question is answered by yes."""
    from desk.cli import main

    out, status = io.StringIO(), 0
    said_yes = io.StringIO("y\n" * 9)
    with (
        patch.multiple(sys, argv=["rebalance", *words], stdin=said_yes),
        redirect_stdout(out),
        redirect_stderr(out),
        warnings.catch_warnings(),  # a warning is shown again in each command
    ):
        try:
            main()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
        except Exception as error:
            out.write(f"TRACEBACK {type(error).__name__}: {error}")
    return status, out.getvalue()


def shown(path: Path) -> str:
    """A file as text: its own, or its words, numbers or hash."""
    if path.suffix == ".parquet":
        import pandas as pd

        frame = pd.read_parquet(path).drop(columns="seconds", errors="ignore")
        return f"{list(frame.columns)}\n{frame.to_csv()}"
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            return "\n".join(book.read(name).decode() for name in sorted(book.namelist()) if name.startswith("xl/"))
    if path.suffix in ("", ".backup", ".head"):  # keys, what is sealed by them, and a hash that holds times
        return ""
    if path.suffix in (".png", ".safetensors"):
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".json", ".ipynb"):
        return json.dumps(json.loads(text), indent=1, ensure_ascii=False)
    if path.suffix == ".svg":
        return _hash(text)
    return words_of(text) if path.suffix == ".html" else text


def words_of(page: str) -> str:
    """The text of a page, a line a block, with the hashes of its pictures, and last of all its markup."""
    markup = re.sub(r"(?s)>[^<]+<", "><", page)
    page = re.sub(r"(?s)<(style|script)\b.*?</\1>", "", page)
    page = re.sub(r"(?s)<svg\b.*?</svg>", lambda found: f"[svg {_hash(found[0])}]", page)
    text = re.sub(r"<[^>]+>", "\n", page)
    return "\n".join([*(line.strip() for line in text.splitlines() if line.strip()), f"[markup {_hash(markup)}]"])


def _hash(text: str) -> str:
    return hashlib.sha256(masked(text).encode()).hexdigest()[:12]


def masked(text: str) -> str:
    """A text without what differs from run to run."""
    for pattern, by in MASKS:
        text = pattern.sub(by, text)
    return text


def scenarios() -> str:
    """The answers of the service to the payloads that it offers."""
    from desk.service.payload.rebalance import answer_to
    from desk.service.payload.scenarios import scenarios

    answers = ((each.name, answer_to(each.payload, datetime.fromisoformat(DAY))) for each in scenarios())
    return "\n".join(f"=== {name}\n{masked(answer.model_dump_json(indent=1))}" for name, answer in answers)


def compared(file: Path) -> str:
    """The comparison of a file."""
    from backtests.comparison import compare
    from research.portfolio import load_portfolio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return str(compare(load_portfolio(file), draws=100))
        except ValueError as error:
            return f"{type(error).__name__}: {error}"


# -- broken files ------------------------------------------------------------------------------------------------------


def broken_portfolios(files: list[Path], rng: random.Random) -> Iterator[tuple[str, str]]:
    """Name and text of portfolio files with one thing wrong each."""
    wrong: list[tuple[str, Callable[[Any], Any]]] = [
        ("text", lambda v: "no such thing"), ("minus", lambda v: -1.5), ("large", lambda v: 1e9),
        ("list", lambda v: [v]), ("mapping", lambda v: {"nothing": 1}), ("flag", lambda v: True),
        ("nothing", lambda v: ""),
    ]  # fmt: skip
    for number in range(BROKEN):
        file = rng.choice(files)
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


def told_of_portfolios(files: list[Path]) -> str:
    """What loading each broken portfolio says."""
    from research.portfolio import load_portfolio

    said, work = [], _empty(WORK / "broken")
    for name, text in broken_portfolios(files, random.Random(SEED)):
        file = work / "broken.yaml"
        file.write_text(text, encoding="utf-8")
        for beside in TREE.glob("data/*/*.csv"):
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
        said.append(f"{name}\n    {masked(answer)}")
    return "\n".join(said)


def told_of_tables() -> str:
    """What reading each broken table gives: right, refused, noted or wrong."""
    sys.path[:0] = [str(TREE / "tests"), str(TREE / "tests" / "research")]
    import test_fuzzed_tables as fuzzed

    kinds = fuzzed.kinds(_empty(WORK / "tables"))
    return "\n".join(f"{name}: {fuzzed.fuzz(*kind, count=TABLES, seed=SEED)!r}" for name, kind in kinds.items())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
