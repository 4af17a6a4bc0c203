"""Trained trees in a file of text: settings, skill, training data, and the trees as their library writes them.

Reading it runs no code. A file of another version, of features that the market does not have, or of other data is
refused: the samples are made anew from the market, and their fingerprint must be the one that the file states.
"""

import hashlib
import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from foundation.arguments import cut, shown
from foundation.errors import DataError
from foundation.files import write_whole
from research.forecast.boosted.calibration import Skill
from research.forecast.boosted.libraries import Library
from research.forecast.boosted.model import Boosted, FittedBoosted
from research.forecast.boosted.samples import samples
from research.market import Past

FORMAT = "boosted trees 1"
PACKAGES: dict[Library, str] = {"lightgbm": "lightgbm", "xgboost": "xgboost-cpu"}


def save_boosted(fitted: FittedBoosted, path: str | Path) -> Path:
    """Write trained trees as one JSON file, whole or not at all. Raises OSError where it cannot be written."""
    record = {
        "format": FORMAT,
        "version": version(PACKAGES[fitted.settings.library]),
        "settings": asdict(fitted.settings) | {"monotone": dict(fitted.settings.monotone)},
        "seen": f"{fitted.seen:%Y-%m-%d}",
        "features": fitted.features,
        "mean": fitted.mean,
        "skill": asdict(fitted.skill),
        "fingerprint": fitted.fingerprint,
        "trees": fitted.text,
    }
    return write_whole(path, json.dumps({"checksum": _checksum(record), **record}, indent=1) + "\n")


def load_boosted(path: str | Path, past: Past) -> FittedBoosted:
    """Trained trees from a file, for a market on which they were trained.

    path   : path of the file.
    past   : past of that market, on the last date of their fit or later.
    Raises : DataError for a file that is none, is damaged, or is of another version of the library, and for trees that
             were trained on other features or other data; OSError where it cannot be read.
    """
    record = _read(Path(path))
    settings = Boosted(**record["settings"])
    package = PACKAGES[settings.library]
    if record["version"] != version(package):
        raise DataError(
            f"{path} was written by {package} {shown(record['version'])}, and {version(package)} is installed. Fit the "
            "trees anew, or install that version."
        )
    seen = pd.Timestamp(record["seen"])
    fitted = FittedBoosted(
        settings,
        seen,
        tuple(record["features"]),
        record["mean"],
        Skill(**record["skill"]),
        record["fingerprint"],
        record["trees"],
    )
    _check_data(fitted, past, path)
    return fitted


def _read(path: Path) -> dict[str, Any]:
    """The record of a file whose checksum is right."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is no file of boosted trees: {cut(str(error))}. Fit the trees anew.") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        found = record.get("format") if isinstance(record, dict) else record
        raise DataError(f"{path} is no file of {FORMAT!r}: found {shown(found)}. Fit the trees anew.")
    if record.pop("checksum", None) != _checksum(record):
        raise DataError(f"{path} is damaged: its checksum is not that of its content. Fit the trees anew.")
    return record


def _check_data(fitted: FittedBoosted, past: Past, path: str | Path) -> None:
    """Raise DataError where a past is not one of the market on which the trees were trained."""
    row = int(past.dates.searchsorted(fitted.seen))
    if row > past.t or past.dates[row] != fitted.seen:
        raise DataError(
            f"{path} was trained up to {fitted.seen:%Y-%m-%d}, no session of the market up to {past.date:%Y-%m-%d}. "
            "Ask on a later date, or fit the trees to this market."
        )
    known = samples(past.earlier(row), fitted.settings.step, fitted.settings.horizon)
    lacking = [name for name in fitted.features if name not in known.names]
    if lacking:
        raise DataError(
            f"{path} reads the features {cut(', '.join(lacking))}, which this market or this version does not have. "
            "Fit the trees anew."
        )
    if known.fingerprint != fitted.fingerprint:
        raise DataError(
            f"{path} was trained on other data: the fingerprint of its samples is {fitted.fingerprint[:12]}, and that "
            f"of the market up to {fitted.seen:%Y-%m-%d} is {known.fingerprint[:12]}. Fit the trees anew."
        )


def _checksum(record: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
