"""What is not imported, and that nothing else changes."""

import subprocess
import sys

import pytest

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
STATISTICS = """
import sys
from foundation.quick_imports import without_statistics
with without_statistics():
    import cvxpy as cp
point = cp.Variable(2)
cp.Problem(cp.Minimize(cp.sum_squares(point - 1.0)), [cp.sum(point) == 1.0]).solve(solver=cp.CLARABEL)
slow = "scipy.stats" in sys.modules
one = cp.Constant([[0.5, 0.0], [0.0, 0.5]])
print(abs(point.value[0] - 0.5) < 1e-6, abs(cp.quantum_rel_entr(one, 0.5 * one).value - 0.6931472) < 1e-6, slow)
"""


@pytest.mark.parametrize(
    "script",
    [FIGURE, OPTIMISER, KERNELS, STATISTICS],
    ids=["grammars of addresses", "compiler of torch", "coverage of kernels", "statistics"],
)
def test_what_takes_a_second_and_is_not_used_is_not_imported(script: str) -> None:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "False"]
