"""Hold the size of the project against .ci/ceilings.csv: lines and nodes by place, doubled names, words, commands.

    python .ci/ceilings.py         # of `make check`: exit status 1 where a number is above its ceiling
    python .ci/ceilings.py --keep  # `make keep`: keep the numbers that fell; none is raised
    python .ci/ceilings.py --list  # all that is counted by name, such as doubled names, commands and options

A row of the table is a measure, a place and the number kept for it. A row whose number begins with + raises the ceiling
of its measure and place, and names the issue by its title and the reason. The ceiling is the kept number and all its
raises, or zero where the table has no row. git merges two tables by keeping the lines of both (.gitattributes), so a
row may stand there twice: the lower number counts, and the same raise once.
"""

import ast
import csv
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
TABLE = ROOT / ".ci" / "ceilings.csv"
HEAD = ("measure", "place", "number", "issue", "why")
PACKAGES = ("foundation", "research", "backtests", "desk")
CODE = (*PACKAGES, "tests", "benchmarks", ".ci")
BESIDE = ("notebooks", "docs", "deployment")
OTHER_FORMS = (".csv", ".md", ".parquet", ".png", ".py", ".svg", ".webp")  # pages, data and pictures
PAGES = ("*.md", "data/**/*.md", "docs/**/*.md")
WRITTEN_BY_SCRIPT = ("docs/api.md", "benchmarks/record.json")
NOT_COUNTED = re.compile(r"(?ms)^ *```.*?^ *``` *$|^<!-- Written by `.*")  # of a page: code, and what a script writes
MOST_FILES, MOST_ARGUMENTS, SMALL = 21, 6, 60
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

Key = tuple[str, str]  # measure and place
Raise = tuple[int, str, str]  # by how much, the issue, and why


class Module(NamedTuple):
    """The counts of one Python file."""

    path: str
    lines: int  # that are neither blank, nor a comment alone, nor of a docstring
    nodes: int  # expressions and statements of the syntax tree, without docstrings
    length: int  # in lines of any kind
    public: list[str]  # functions and classes defined at top level, whose names begin with no underscore
    constants: list[str]  # names of more than one letter, all capitals, each assigned by itself at top level
    long: list[str]  # functions with more than six arguments; neither self, cls, *args nor **kwargs count
    imports: list[tuple[str, str]]  # module, and the name imported from it or "", within functions too

    @property
    def name(self) -> str:
        """Its name in an import statement."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def hands_on(self) -> bool:
        """True if it is the face of a package, and gives only what it imports."""
        return self.path.endswith("/__init__.py") and not self.public and not self.constants


def module_of(path: Path, root: Path) -> Module:
    """The counts of a Python file."""
    rows = path.read_text(encoding="utf-8").splitlines()
    tree = ast.parse("\n".join(rows))
    nodes, name = _nodes(tree), path.relative_to(root).as_posix()
    holders = (node for node in nodes if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)))
    strings = [node.body[0] for node in holders if ast.get_docstring(node, clean=False) is not None]
    documented = {line for string in strings for line in range(string.lineno, string.end_lineno + 1)}
    bare = (row.strip() for number, row in enumerate(rows, 1) if number not in documented)
    defined = (node.name for node in tree.body if isinstance(node, (ast.ClassDef, *FUNCTIONS)))
    heads = (node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign))
    targets = (each for node in heads for each in (node.targets if isinstance(node, ast.Assign) else [node.target]))
    stored = (node.id for node in targets if isinstance(node, ast.Name))
    functions = (node for node in nodes if isinstance(node, FUNCTIONS))
    imports = [(each.name, "") for node in nodes if isinstance(node, ast.Import) for each in node.names]
    parts = (node for node in nodes if isinstance(node, ast.ImportFrom))
    return Module(
        path=name,
        lines=sum(bool(row) and not row.startswith("#") for row in bare),
        nodes=sum(isinstance(node, ast.expr | ast.stmt) for node in nodes) - 2 * len(strings),
        length=len(rows),
        public=[each for each in defined if not each.startswith("_")],
        constants=[each for each in stored if each.isupper() and len(each) > 1],
        long=[f"{name}:{node.lineno} {node.name}" for node in functions if _arguments(node.args) > MOST_ARGUMENTS],
        imports=[*imports, *((node.module or "", each.name) for node in parts for each in node.names)],
    )


def _nodes(tree: ast.AST) -> list[Any]:
    """The nodes of `ast.walk`, in a fifth of its time, but for texts in f-strings, which Pythons count otherwise."""
    found = [tree]
    for node in found:
        for value in vars(node).values():
            if isinstance(value, list):
                in_text = isinstance(node, ast.JoinedStr)
                found += [v for v in value if isinstance(v, ast.AST) and not (in_text and isinstance(v, ast.Constant))]
            elif isinstance(value, ast.AST):
                found.append(value)
    return found


def _arguments(given: ast.arguments) -> int:
    names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def modules_of(root: Path) -> list[Module]:
    """The counts of all Python files, each read once, by as many processes as there are processors."""
    paths = [*root.glob("*.py"), *(path for path in _files(root, (*CODE, *BESIDE)) if path.suffix == ".py")]
    with ProcessPoolExecutor() as pool:
        return list(pool.map(module_of, paths, [root] * len(paths), chunksize=25))


def _files(root: Path, folders: tuple[str, ...]) -> Iterator[Path]:
    found = (path for folder in folders for path in sorted((root / folder).rglob("*")) if path.is_file())
    ours = (path for path in found if not {"__pycache__", ".ipynb_checkpoints"} & {*path.parts})
    return (path for path in ours if not path.name.startswith(".") and not path.name.endswith("~"))


def numbers(root: Path, modules: list[Module]) -> dict[Key, int]:
    """The counts of lines, nodes and words by measure and place.

    A place is a room of a package, a folder below another one, or a folder for the files that stand loose in it.

    lines .j2 and so on : lines of files of other forms that are not blank, by the files' ending.
    words : what blanks part in pages that are written by hand, outside of blocks of code, and above a script's mark.
    """
    found: Counter[Key] = Counter()
    for each in modules:
        place = "/".join(each.path.split("/")[:-1][:2]) or "."
        found["lines", place] += each.lines
        found["nodes", place] += each.nodes
    for path in [root / "Makefile", *_files(root, (*CODE, *BESIDE))]:
        if path.suffix not in OTHER_FORMS and path.relative_to(root).as_posix() not in WRITTEN_BY_SCRIPT:
            top, form = path.relative_to(root).parts[0], path.suffix or "of no ending"
            found[f"lines {form}", top] += sum(
                map(bool, map(str.strip, path.read_text("utf-8", "replace").splitlines()))
            )
    for path in (path for pattern in PAGES for path in root.glob(pattern)):
        if path.relative_to(root).as_posix() not in WRITTEN_BY_SCRIPT:
            found["words", "."] += len(NOT_COUNTED.sub("", path.read_text("utf-8")).split())
    return dict(found)


def lists(root: Path, modules: list[Module]) -> dict[Key, list[str]]:
    """All that is counted by name, for the whole project.

    doubled : public names, and constants, that two or more modules of the packages define.
    wide folders : of code and tests, with more than 21 files of any form beside `__init__.py`.
    """
    ours = [each for each in modules if each.path.split("/")[0] in PACKAGES]
    files = Counter(path.parent for path in _files(root, CODE) if path.name not in ("__init__.py", "py.typed"))
    options = dict(commands())
    return {
        ("doubled names", "packages"): doubled(each.public for each in ours),
        ("doubled constants", "packages"): doubled(each.constants for each in ours),
        ("long argument lists", "packages"): [line for each in ours for line in each.long],
        ("small files of one importer", "packages"): small_files(ours),
        ("wide folders", "."): [f"{path.relative_to(root)}, {n} files" for path, n in files.items() if n > MOST_FILES],
        ("commands", "."): [*filter(None, options)],
        ("options", "."): [f"{path} {each}".strip() for path, given in options.items() for each in given],
    }


def doubled(names: Iterable[list[str]]) -> list[str]:
    """The names that two or more of some lists have."""
    return [name for name, count in Counter(name for given in names for name in {*given}).items() if count > 1]


def small_files(modules: list[Module]) -> list[str]:
    """The files of packages with less than 60 lines that exactly one module imports.

    Who imports a name from an `__init__.py` that only hands it on imports the file where it is defined.
    """
    files = {each.name: each for each in modules}
    handed = {each.name: {name: source for source, name in each.imports} for each in modules if each.hands_on}
    importers = defaultdict(set)
    for each in (each for each in modules if not each.hands_on):
        for source, name in each.imports:
            while f"{source}.{name}" not in files and name in handed.get(source, ()):
                source = handed[source][name]
            importers[f"{source}.{name}" if f"{source}.{name}" in files else source].add(each.name)
    found = ((each, importers[each.name] - {each.name}) for each in modules if not each.path.endswith("__init__.py"))
    return [f"{each.path} of {min(by)}" for each, by in found if len(by) == 1 and each.length < SMALL]


def commands() -> Iterator[tuple[str, list[str]]]:
    """The words of each command and its options without --help; first "", with the options of the command line itself.

    A group counts as a command where it does something alone. Hidden commands count.
    """
    sys.path.insert(0, str(ROOT))
    import typer

    from desk.cli import app

    waiting: list[tuple[str, Any]] = [("", typer.main.get_command(app))]
    for path, command in waiting:
        inside = getattr(command, "commands", {})
        if not path or not inside or command.invoke_without_command:
            yield path, [each.opts[0] for each in command.params if each.param_type_name == "option"]
        waiting += [(f"{path} {name}".strip(), each) for name, each in inside.items()]


def read(table: str) -> tuple[dict[Key, int], dict[Key, list[Raise]]]:
    """The kept numbers of a table, and the raises of their ceilings. Ends the script where a row cannot be read."""
    kept: dict[Key, int] = {}
    raises: dict[Key, list[Raise]] = defaultdict(list)
    for row in dict.fromkeys(table.splitlines()[1:]):
        measure, place, number, *reason = next(csv.reader([row])) if row.count(",") > 1 else ("", "", "")
        if not re.fullmatch(r"\+?\d+", number):
            sys.exit(f"{TABLE.name}: {row!r} is no row: state a measure, a place, and a number or +number.")
        if not number.startswith("+"):
            kept[measure, place] = min(int(number), kept.get((measure, place), int(number)))
        elif len(reason) == 2 and all(word.strip("<> ") == word != "" for word in reason):
            raises[measure, place].append((int(number), *reason))
        else:
            sys.exit(f"{TABLE.name}: {row!r} raises a ceiling: state the title of the issue, and why, each in quotes.")
    return kept, raises


def landed() -> dict[Key, int]:
    """The kept numbers of the last landed table, that of origin/main or else of HEAD; none where git has no such."""
    for commit in ("origin/main", "HEAD"):
        place = f"{commit}:{TABLE.relative_to(ROOT).as_posix()}"
        found = subprocess.run(["git", "show", place], cwd=ROOT, capture_output=True, text=True)
        if found.returncode == 0:
            return read(found.stdout)[0]
    return {}


def lowered(kept: Mapping[Key, int], raises: Mapping[Key, list[Raise]], now: Mapping[Key, int]) -> list[list[Any]]:
    """The rows of the table with ceilings as low as today's numbers: raises go, the last first, then kept numbers."""
    rows: list[list[Any]] = []
    for key, number in sorted(now.items()):
        lowest = min(kept.get(key, 0), number)
        rows += [[*key, lowest]] if lowest else []
        for by, issue, why in raises.get(key, ()):
            used = min(by, number - lowest)
            lowest += used
            rows += [[*key, f"+{used}", issue, why]] if used else []
    return rows


def main(*words: str) -> int:
    """Hold the numbers against the table, keep the lower ones, or list what is counted by name."""
    modules = modules_of(ROOT)
    by_name = lists(ROOT, modules)
    if words == ("--list",):
        print(*(f"{measure}: {each}" for (measure, _), given in by_name.items() for each in sorted(given)), sep="\n")
        return 0
    now = numbers(ROOT, modules) | {key: len(given) for key, given in by_name.items()}
    before, (kept, raises) = landed(), read(TABLE.read_text("utf-8"))
    if edited := [key for key, number in kept.items() if number > before.get(key, number)]:
        sys.exit(f"{TABLE.name}: kept numbers fall only: {edited[0]} is above that of the last landed table.")
    if words == ("--keep",):
        with TABLE.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([HEAD, *lowered(kept, raises, now)])
        kept, raises = read(TABLE.read_text("utf-8"))
    ceilings = {key: kept.get(key, 0) + sum(by for by, *_ in raises.get(key, ())) for key in {*now, *kept, *raises}}
    above = [key for key in sorted(now) if now[key] > ceilings[key]]
    for measure, place in above:
        number, ceiling = now[measure, place], ceilings[measure, place]
        print(
            f"{measure}, {place}: {number:,}, and the ceiling is {ceiling:,}. Make it smaller, or add to {TABLE.name}:"
        )
        print(f'    {measure},{place},+{number - ceiling},"<title of the issue>","<why>"')
    if above:
        print("`python .ci/ceilings.py --list` lists what is counted by name.")
        return 1
    fell = sum(now.get(key, 0) < ceiling for key, ceiling in ceilings.items())
    print(f"{len(now)} numbers are within their ceilings; {fell} fell" + (": `make keep` keeps them." if fell else "."))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
