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


@pytest.mark.parametrize(
    "script", [FIGURE, OPTIMISER, KERNELS], ids=["grammars of addresses", "compiler of torch", "coverage of kernels"]
)
def test_what_takes_a_second_and_is_not_used_is_not_imported(script: str) -> None:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "False"]
