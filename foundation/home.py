"""The folders in which a person's files are: what the desk has done, and what is made from a portfolio file.

What the desk has done (journal, books, paper accounts, prices) is in one folder a person, apart from any checkout.
"""

import os
from pathlib import Path

import platformdirs

from foundation.files import ROOT, from_workbench
from foundation.sets import INSTALLED

HOME, STORES = "REBALANCE_HOME", "REBALANCE_DATA"  # environment variables that name folders: of the desk; of prices,
TRIAL_BOOK, FORECAST_BOOK = "REBALANCE_TRIALS", "REBALANCE_FORECASTS"  # of trials; of forecasts
SHARED_STORES = "REBALANCE_SHARED_DATA"  # environment variable: paths of stores that are read where none is one's own


def stated_folder(variable: str) -> Path | None:
    """The folder that an environment variable names, relative to the current one or by ~; None where it names none."""
    named = os.environ.get(variable)
    return Path(os.path.expanduser(named)).absolute() if named else None


def fix_folders() -> None:
    """Make the folders that the environment names absolute, for processes that start in another folder."""
    for name in (HOME, STORES, TRIAL_BOOK, FORECAST_BOOK):
        if (folder := stated_folder(name)) is not None:
            os.environ[name] = str(folder)


def home_folder() -> Path:
    """The folder that `REBALANCE_HOME` names, else the user's data folder. It may not be there yet."""
    return stated_folder(HOME) or platformdirs.user_data_path("rebalance", appauthor=False)


def folder_for(kind: str, file: str | Path | None = None) -> Path:
    """The folder for what is made from a portfolio file. It may not be there yet.

    kind    : name of the folder, such as "reports".
    file    : portfolio file; None for what is made without one in the current folder.
    Returns : in `REBALANCE_HOME` where it is stated; else beside the file; for a file that comes with the workbench, in
              the clone, or in the current folder where the workbench is installed.
    """
    if (home := stated_folder(HOME)) is not None:
        return home / kind
    beside = Path.cwd() if file is None else Path(from_workbench(file)).absolute().parent
    if beside.resolve().is_relative_to(ROOT.resolve()):
        beside = Path.cwd() if INSTALLED else ROOT
    return beside / kind
