"""Run the tests under other processors' arithmetics, and state the room that each assertion has.

A trained or optimised figure follows the processor: libraries choose their code by what it can do, and that code adds
in another order. `python .ci/arithmetics.py` runs the suite with this processor's own code and with the narrowest that
every library has; then, under the others, each test in which a comparison came out differently. It fails where a test
fails, and where the room of a comparison is less than three times the spread of it between arithmetics.

The same file is the pytest plugin that measures: it replaces `a < b` in the `assert`s of tests by a call that keeps
how far the comparison was from failing.
"""

import ast
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOM = 3.0  # the least room of a comparison, in spreads between arithmetics
NARROWEST = {
    "ATEN_CPU_CAPABILITY": "default",
    "OPENBLAS_CORETYPE": "Prescott",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
    "MKL_CBWR": "COMPATIBLE",
    "OMP_NUM_THREADS": "2",
    "PYTHONHASHSEED": "1",
}
WHOLE: dict[str, dict[str, str]] = {"native": {}, "narrowest": NARROWEST}
OTHERS: dict[str, dict[str, str]] = {
    "torch default": {"ATEN_CPU_CAPABILITY": "default"},
    "torch AVX2": {"ATEN_CPU_CAPABILITY": "avx2"},
    "torch AVX-512": {"ATEN_CPU_CAPABILITY": "avx512"},
    "OpenBLAS Prescott": {"OPENBLAS_CORETYPE": "Prescott"},
    "OpenBLAS Haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "OpenBLAS SkylakeX": {"OPENBLAS_CORETYPE": "SkylakeX"},
    "NumPy baseline": {"NPY_DISABLE_CPU_FEATURES": NARROWEST["NPY_DISABLE_CPU_FEATURES"]},
    "Numba generic": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
    "MKL compatible": {"MKL_CBWR": "COMPATIBLE"},
    "two threads": {"OMP_NUM_THREADS": "2"},
    "another hash seed": {"PYTHONHASHSEED": "1"},
}
KNOWN = {  # comparisons that need no room, by file and test, and why
    "test_risk_parity.py::test_under_limits_the_ratio_is_the_largest": "an optimum is no worse than a peer's point",
    "test_files.py::test_two_writers_and_a_reader": "counts what happens meanwhile",
    "test_folder.py::test_a_reader_sees_a_whole_run": "counts what happens meanwhile",
    "test_store.py::test_memory_does_not_grow": "counts bytes of a process",
    "test_summary.py::test_the_best_are_found": "counts bytes of a process",
    "test_known_optimum.py::test_it_is_not_below": "a gap comes near 0 from above, as it should",
    "test_planted_signal.py::test_what_is_learned_steers": "between what noise and a signal give lie 2.3 spreads",
}
FOLDER = Path(".cache/arithmetics")
TESTS = ["notebooks", "foundation", "research", "backtests", "desk", "tests"]

# ---- the plugin: how far each comparison of an assertion was from failing ----

_measured: dict[str, dict[str, float]] = {}  # by test and place in its file, the least room so far
_running: list[str] = []


def compared(place: str, operators: tuple[str, ...], *values: Any) -> Any:
    """What `values[0] <op> values[1] …` gives, after its room was kept."""
    found: Any = True
    for operator, left, right in zip(operators, values, values[1:], strict=False):
        found = _OPERATIONS[operator](left, right)
        room = _room(operator, left, right)
        if room is not None and _running:
            kept = _measured.setdefault(_running[-1], {})
            kept[place] = min(room, kept.get(place, math.inf))
        if len(values) > 2 and not found:
            break
    return found


_OPERATIONS: dict[str, Any] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
}


def _room(operator: str, left: Any, right: Any) -> float | None:
    """The least distance from failing over all elements, in the comparison's own unit; of approx in tolerances."""
    if operator == "==":
        return _room_of_approx(left, right)
    a, b = (_floats(side) for side in (left, right))
    if a is None or b is None:
        return None
    try:
        apart = b - a if operator in ("<", "<=") else a - b
    except ValueError:
        return None
    return float(np.min(apart)) if apart.size and np.isfinite(apart).all() else None


def _room_of_approx(left: Any, right: Any) -> float | None:
    """One less the largest difference in tolerances, or None where neither side is `pytest.approx`."""
    approx, actual = (right, left) if hasattr(right, "abs") and hasattr(right, "expected") else (left, right)
    if not (hasattr(approx, "abs") and hasattr(approx, "expected")) or "pproximately" in str(actual):
        return None
    if isinstance(approx.expected, dict):
        if not isinstance(actual, dict) or actual.keys() != approx.expected.keys():
            return None
        expected, actual = list(approx.expected.values()), [actual[key] for key in approx.expected]
    else:
        expected = approx.expected
    e, a = _floats(expected), _floats(actual)
    if e is None or a is None or e.shape != a.shape or not e.size or not np.isfinite(e).all():
        return None
    absolute = 1e-12 if approx.abs is None else float(approx.abs)
    relative = (1e-6 if approx.abs is None else 0.0) if approx.rel is None else float(approx.rel)
    tolerance = np.maximum(absolute, relative * np.abs(e))
    return None if (tolerance == 0.0).any() else float(1.0 - np.max(np.abs(a - e) / tolerance))


def _floats(value: Any) -> np.ndarray | None:
    """Numbers of a value as an array of floats, or None where it holds none, or whole ones only."""
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O":
            array = array.astype(float)
    except (TypeError, ValueError):
        return None
    return array.astype(float) if array.dtype.kind in "fiu" else None


SYMBOLS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "=="}


class _Compare(ast.NodeTransformer):
    """Comparisons of numbers by `compared`."""

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        operators = [SYMBOLS.get(type(operator)) for operator in node.ops]
        if None in operators:
            return node
        called = ast.Call(
            ast.Name("_compared", ast.Load()),
            [
                ast.Constant(f"{node.lineno}:{node.col_offset}"),
                ast.Tuple([ast.Constant(operator) for operator in operators], ast.Load()),
                node.left,
                *node.comparators,
            ],
            [],
        )
        return ast.fix_missing_locations(ast.copy_location(called, node))


def pytest_configure(config: pytest.Config) -> None:
    """Have comparisons measured in every module that pytest rewrites, and in `assert_allclose`."""
    import builtins

    from _pytest.assertion import rewrite

    builtins._compared = compared  # type: ignore[attr-defined]
    rewritten = rewrite.rewrite_asserts

    def rewrite_asserts(tree: ast.Module, *more: Any) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Assert):
                node.test = _Compare().visit(node.test)
        rewritten(tree, *more)

    rewrite.rewrite_asserts = rewrite_asserts
    close = np.testing.assert_allclose

    def assert_allclose(
        actual: Any, desired: Any, rtol: float = 1e-7, atol: float = 0.0, *more: Any, **named: Any
    ) -> None:
        frame = sys._getframe(1)
        a, d = _floats(actual), _floats(desired)
        if a is not None and d is not None and _running:
            with np.errstate(all="ignore"):
                used = np.abs(a - d) / (atol + rtol * np.abs(d))
            used = used[np.isfinite(used)]
            if used.size:
                place, kept = f"{frame.f_lineno}:0", _measured.setdefault(_running[-1], {})
                kept[place] = min(1.0 - float(used.max()), kept.get(place, math.inf))
        close(actual, desired, rtol, atol, *more, **named)

    np.testing.assert_allclose = assert_allclose


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Which test is running."""
    _running.append(item.nodeid)
    try:
        return (yield)
    finally:
        _running.pop()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep what this process measured."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker or not session.config.getoption("numprocesses", None):
        folder = Path(os.environ["ARITHMETICS"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{worker or 'main'}.json").write_text(json.dumps(_measured))


# ---- the script ----


def run(name: str, changes: dict[str, str], tests: list[str]) -> tuple[int, dict[str, dict[str, float]]]:
    """The exit status of pytest under an arithmetic, and the least room of each comparison by test and place."""
    folder = (FOLDER / name.replace(" ", "_")).resolve()
    for old in folder.glob("*.json"):
        old.unlink()
    environment = (
        os.environ
        | changes
        | {
            "ARITHMETICS": str(folder),
            "PYTHONPATH": str(Path(".ci").resolve()),
            "PYTHONPYCACHEPREFIX": str((FOLDER / "bytecode").resolve()),  # rewritten tests are not those of a plain run
        }
    )
    print(f"--- {name}: " + (" ".join(f"{k}={v!r}" for k, v in changes.items()) or "as it is"), flush=True)
    binaries = Path(sys.executable).parent
    if subprocess.run([sys.executable, "-m", "desk.cli.maintain", "compile"], env=environment, check=False).returncode:
        return 1, {}
    selected = folder.parent / "selected.txt"
    selected.write_text("\n".join(tests))
    status = subprocess.run(
        [binaries / "pytest", "-p", "arithmetics", "-q", "-n", "logical", "--dist", "loadfile",
         "--no-loadscope-reorder", "--nbval-lax", f"@{selected}"],
        env=environment, check=False,
    ).returncode  # fmt: skip
    kept: dict[str, dict[str, float]] = {}
    for part in folder.glob("*.json"):
        kept |= json.loads(part.read_text())
    return status, kept


def table(measured: dict[str, dict[str, dict[str, float]]]) -> list[tuple[float, str, str, float, float]]:
    """Room over spread, test, place, least room and spread, of each comparison that an arithmetic changed."""
    rows = []
    places = {(test, place) for found in measured.values() for test, kept in found.items() for place in kept}
    for test, place in places:
        rooms = [found[test][place] for found in measured.values() if place in found.get(test, {})]
        spread = max(rooms) - min(rooms)
        if spread > 0.0 and min(rooms) >= 0.0:  # below zero: one of several that only together decide
            rows.append((min(rooms) / spread, test, place, min(rooms), spread))
    return sorted(rows)


def main(tests: list[str]) -> int:
    """Run, print the table, and give 1 where a test failed or a comparison has too little room."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    measured: dict[str, dict[str, dict[str, float]]] = {}
    failed = []
    for name, changes in WHOLE.items():
        status, measured[name] = run(name, changes, tests)
        failed += [name] if status else []
        print(f"    exit status {status}")
    follow = sorted({row[1] for row in table(measured)})
    print(f"{len(follow)} tests follow the arithmetic.")
    for name, changes in OTHERS.items() if follow else ():
        status, measured[name] = run(name, changes, follow)
        failed += [name] if status else []
    rows = table(measured)
    (FOLDER / "table.json").write_text(json.dumps(rows, indent=0))
    print("room / spread      room    spread  comparison")
    for ratio, test, place, room, spread in rows:
        print(f"{ratio:13.3g} {room:9.3g} {spread:9.3g}  {test} {place}")
    narrow = [row for row in rows if row[0] < ROOM and not any(known in row[1] for known in KNOWN)]
    print(f"{len(narrow)} of {len(rows)} comparisons have less room than {ROOM:g} spreads; failed: {failed or 'none'}.")
    return int(bool(narrow or failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or TESTS))
