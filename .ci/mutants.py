"""Change the code of decisions and costs in 60 places, one at a time, and see whether the test beside it notices.

`python .ci/mutants.py` changes a comparison, an operator, a number or a word of logic in a copy of the code, and runs
the near test of the changed module, the file of tests of its name. A change that it does not notice is a survivor: it
is listed with its line, and the command fails unless it is among `SAME`, changes after which the code does the same.
"""

import ast
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parent.parent
COUNT, SEED, LIMIT = 60, 1, 600  # mutants; of their draw; seconds of a run of tests
LEFT_OUT = (".git", ".venv", ".cache", "reports", "site", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache")
ROOMS = (  # files, and folders of which all modules are drawn that have a near test
    "backtests/comparison/belief.py", "backtests/comparison/descriptions/stability.py",
    "backtests/comparison/recommendation.py", "backtests/comparison/simulated_tests.py",
    "backtests/comparison/verdict.py", "backtests/evaluation/limits_in_force.py", "backtests/inference/long_run.py",
    "desk/cycle", "desk/exchange", "desk/exchange/paper", "desk/tca", "desk/tickets", "research/orders/tax",
    "research/accounting/costs.py", "research/accounting/lots", "research/accounting/sale_tax.py",
    "research/accounting/tax.py", "research/accounting/tax_lots.py",
)  # fmt: skip
OTHERWISE = {  # near tests by another name
    "backtests/comparison/verdict.py": "tests/backtests/comparison/test_comparison.py",
    "desk/exchange/paper/refusals.py": "tests/desk/exchange/paper/test_venue.py",
    "research/accounting/lots/selection.py": "tests/research/accounting/lots/test_named_lots.py",
    "research/accounting/lots/wash_sales.py": "tests/research/orders/tax/test_tax_lots.py",
}
COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Lt, ast.Gt: ast.LtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
}  # fmt: skip
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any", "maximum": "minimum", "minimum": "maximum"}
SAME = {  # file, change and its line of code: why the code then does the same
    (
        "backtests/comparison/descriptions/stability.py",
        "GtE becomes Gt",
        "enough = {case: which for case, which in days.items() if which.sum() >= 0.99 * portfolio.periods_per_year}",
    ): "0.99 of a year is no whole number",
    (
        "backtests/inference/long_run.py",
        "0 becomes 0.1",
        "summed = np.concatenate([[0.0], np.cumsum(history)])",
    ): "one window of thousands has another sum",
    (
        "desk/exchange/checks.py",
        "0 becomes 0.1",
        "if not (last := max((each.minutes for each in moment.slices), default=0.0)):",
    ): "a ticket without orders is not sent",
    (
        "research/accounting/lots/selection.py",
        "LtE becomes Lt",
        "if left <= 0.0:",
    ): "nothing is taken of the lots after that",
    (
        "research/accounting/costs.py",
        "0 becomes 0.1",
        "minimum_trade=0.0,",
    ): "`cost_parameters` puts the least order in its place",
}
Change = tuple[str, str, str]


def places(tree: ast.Module) -> Iterator[tuple[int, str, Callable[[], None]]]:
    """Line, words, and the change itself of each place that can be changed, outside of annotations and texts."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare(ops=[was, *more]) if type(was) in COMPARED:
                other = COMPARED[type(was)]
                change, words = (node, "ops", [other(), *more]), (_name(was), other.__name__)
            case ast.BinOp(op=was) if type(was) in COUNTED and not isinstance(node.left, ast.JoinedStr):
                operation = COUNTED[type(was)]
                change, words = (node, "op", operation()), (_name(was), operation.__name__)
            case ast.BoolOp(op=was):
                word = ast.Or() if isinstance(was, ast.And) else ast.And()
                change, words = (node, "op", word), (_name(was), _name(word))
            case ast.Constant(value=float(number)):
                change, words = (node, "value", value := 1.5 * number + 0.1), (f"{number:g}", f"{value:g}")
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name) as func) if name in CALLED:
                change, words = (
                    (func, "id" if isinstance(func, ast.Name) else "attr", CALLED[name]),
                    (name, CALLED[name]),
                )
            case _:
                continue
        yield node.lineno, " becomes ".join(words), partial(setattr, *change)


def _name(operation: ast.AST) -> str:
    return type(operation).__name__


def near_test(name: str) -> Path:
    """The file of tests of a module, which need not exist."""
    module = Path(name)
    return Path(OTHERWISE.get(name, Path("tests") / module.parent / f"test_{module.name}"))


def modules() -> list[str]:
    """The files of `ROOMS` that have a near test."""
    files = (file for room in ROOMS for file in (sorted((ROOT / room).glob("*.py")) or [ROOT / room]))
    return [name for file in files if (ROOT / near_test(name := str(file.relative_to(ROOT)))).exists()]


def chosen() -> list[tuple[str, int]]:
    """(file, number of the place) of each mutant, drawn over all files in proportion to their places.

    By a hash of the change and its line of code, so an edit leaves the draw of other lines as it was.
    """
    whole = {}
    for name in modules():
        text, seen = (ROOT / name).read_text(encoding="utf-8"), Counter[str]()
        for k, (line, words, _) in enumerate(places(ast.parse(text))):
            place = f"{name}: {words}: {text.splitlines()[line - 1].strip()}"
            whole[name, k] = hashlib.sha256(f"{SEED} {place} {seen[place]}".encode()).digest()
            seen[place] += 1
    return sorted(sorted(whole, key=whole.__getitem__)[:COUNT])


def survives(folder: Path, name: str, number: int) -> Change | None:
    """File, change and line of code, where no test noticed; None where one did."""
    text = (ROOT / name).read_text(encoding="utf-8")
    tree = ast.parse(text)
    line, words, change = list(places(tree))[number]
    change()
    code = folder / name
    was = code.read_bytes()
    code.write_text(ast.unparse(tree), encoding="utf-8")
    try:
        found = run_tests(folder, name)
    finally:
        code.write_bytes(was)
    return (name, words, text.splitlines()[line - 1].strip()) if found == 0 else None


def run_tests(folder: Path, name: str) -> int:
    """The exit status of the near test of a file, in a copy of the code: 0 or 1. Raises SystemExit for another."""
    command = [str(ROOT / ".venv/bin/pytest"), "-x", "-q", str(near_test(name))]
    try:
        found = subprocess.run(
            command, cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)}, capture_output=True, timeout=LIMIT
        )
    except subprocess.TimeoutExpired:
        return 1
    if found.returncode not in (0, 1) and b"error" not in found.stdout:
        raise SystemExit(f"{name}: the tests could not be run: {found.stdout.decode()[-500:]}")
    return min(found.returncode, 1)


def main() -> int:
    """Try all; 1 where one survives that is not among `SAME`."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        folders = [Path(place) / str(k) for k in range(os.cpu_count() or 1)]
        for folder in folders:
            shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
        mutants = chosen()
        if broken := [name for name in sorted({name for name, _ in mutants}) if run_tests(folders[0], name)]:
            print(f"The tests of {', '.join(broken)} fail on the code as it is.")
            return 1
        free = list(folders)

        def tried(one: tuple[str, int]) -> Change | None:
            folder = free.pop()
            try:
                return survives(folder, *one)
            finally:
                free.append(folder)

        with ThreadPoolExecutor(len(folders)) as pool:
            found = []
            for k, survivor in enumerate(pool.map(tried, mutants), 1):
                print(f"{k} of {len(mutants)}: {': '.join(survivor or ('noticed',))}", flush=True)
                found += [survivor] if survivor else []
    odd = [": ".join(one) for one in found if one not in SAME]
    print(
        f"{len(mutants) - len(found)} of {len(mutants)} were noticed; {len(found) - len(odd)} do the same.",
        *odd,
        sep="\n",
    )
    return int(bool(odd))


if __name__ == "__main__":
    sys.exit(main())
