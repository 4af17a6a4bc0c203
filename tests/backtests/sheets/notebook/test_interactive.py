"""Interactive figures of notebooks."""

import subprocess
import sys

SHOWN = """
import sys
import plotly.graph_objects as go
from backtests.sheets.notebook.interactive import dress
dress(go.Figure(go.Scatter(x=[1, 2], y=[1, 2])), "title", "x", "y")._repr_mimebundle_()
print("plotly.io._renderers" in sys.modules, "nbformat" in sys.modules, "rfc3987_syntax" in sys.modules)
"""


def test_a_figure_is_shown_without_compiling_grammars_of_internet_addresses() -> None:
    """They took a second of each notebook with a figure."""
    done = subprocess.run([sys.executable, "-c", SHOWN], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "False"]
