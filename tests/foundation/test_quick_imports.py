"""What is not imported, and that nothing else changes."""

import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAZY = [
    ".".join(path.parent.relative_to(ROOT).parts)
    for code in ("foundation", "research", "backtests", "desk")
    for path in sorted((ROOT / code).rglob("__init__.py"))
    if "lazy_names(__name__)" in path.read_text(encoding="utf-8")
]

FIGURE = """
import sys
from foundation.paper.plotly_figure import ShownFigure
ShownFigure().add_scatter(x=[1, 2], y=[1, 2])._repr_mimebundle_()
print("plotly.io._renderers" in sys.modules, "nbformat" in sys.modules, "rfc3987_syntax" in sys.modules)
"""
OPTIMISER = """
import sys
import torch
from foundation.quick_imports import without_compiler_of_torch
weight = torch.nn.Parameter(torch.zeros(1))
with without_compiler_of_torch():
    descent = torch.optim.Adam([weight], lr=0.5)
    weight.grad = torch.ones(1)
    descent.step()
print(round(weight.item(), 6) == -0.5, "torch.optim.adam" in sys.modules, "torch._dynamo" in sys.modules)
"""
KERNELS = """
import sys
import foundation.compiled
import numba
from numba.misc import coverage_support
print(numba.njit(lambda x: x + 1)(1) == 2, not coverage_support.coverage_available, "coverage" in sys.modules)
"""


@pytest.mark.parametrize(
    "script", [FIGURE, OPTIMISER, KERNELS], ids=["grammars of addresses", "compiler of torch", "coverage of kernels"]
)
def test_what_takes_a_second_and_is_not_used_is_not_imported(script: str) -> None:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "False"]


@pytest.mark.parametrize("package", LAZY)
def test_every_name_of_a_package_is_there_when_asked_for(package: str) -> None:
    module = import_module(package)
    assert module.__all__
    assert set(module.__all__) <= set(dir(module))
    for name in module.__all__:
        assert getattr(module, name) is vars(module)[name]


@pytest.mark.parametrize("package", LAZY)
def test_no_name_is_that_of_a_module_which_would_take_its_place(package: str) -> None:
    module = import_module(package)
    assert {each.name for each in pkgutil.iter_modules(module.__path__)} & set(module.__all__) == set()


def test_a_package_imports_the_module_of_a_name_with_the_name() -> None:
    script = (
        "import sys, research.portfolio\n"
        "print('research.portfolio.load' in sys.modules, 'load_portfolio' in dir(research.portfolio))\n"
        "from research.portfolio import load_portfolio\n"
        "print(load_portfolio.__module__, hasattr(research.portfolio, 'no_such_name'))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "research.portfolio.load", "False"]
