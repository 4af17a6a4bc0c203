"""The folder that holds what a person's desk has done: journal, books, paper accounts; apart from any checkout."""

import os
from pathlib import Path

import platformdirs

from foundation.files import ROOT

HOME = "REBALANCE_HOME"  # environment variable: another folder


def home_folder() -> Path:
    """The user's data folder, or that in `REBALANCE_HOME`, relative to the workbench's. It may not be there yet."""
    named = os.environ.get(HOME)
    return ROOT / named if named else platformdirs.user_data_path("rebalance", appauthor=False)
