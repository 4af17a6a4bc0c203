"""A folder with numbers (safetensors) and a card (JSON) under one seal. Reading them runs no code from either.

Each file is written beside its place and takes its name when it is whole; where only one of the two was written, the
seal says so. What else lies in the folder stays.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from research.errors import DataError

NUMBERS, CARD = "policy.safetensors", "card.json"


def write_checksummed(folder: Path, card: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Path:
    """Write both into `folder`; the same values give the same bytes."""
    from safetensors.numpy import save as to_bytes

    numbers = to_bytes({name: np.ascontiguousarray(values) for name, values in arrays.items()})
    text = json.dumps({**card, "seal": _checksum(card, numbers)}, indent=2, sort_keys=True, allow_nan=False)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in ((NUMBERS, numbers), (CARD, (text + "\n").encode())):
        beside = folder / f".{name}.{os.getpid()}"
        beside.write_bytes(data)
        beside.replace(folder / name)
    return folder


def read_checksummed(folder: Path, fix: str, format_: str = "") -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The card and the numbers. Raises DataError for a missing file, another format, or what is not as it was saved.

    fix : what to do then.  format_ : of the card, where only one can be read.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    text, numbers = (_bytes(folder / name, fix) for name in (CARD, NUMBERS))
    try:
        card = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{folder / CARD} is not JSON: {error}. {fix}") from error
    if not isinstance(card, dict):
        raise DataError(f"{folder / CARD} is a {type(card).__name__}, expected a card of keys and values. {fix}")
    if format_ and card.get("format") != format_:
        raise DataError(f"{folder / CARD} has the format {card.get('format')!r}, expected {format_!r}. {fix}")
    if card.pop("seal", None) != _checksum(card, numbers):
        raise DataError(f"{folder} is not as it was saved: {CARD} and {NUMBERS} do not bear its seal. {fix}")
    try:
        return card, dict(from_bytes(numbers))
    except SafetensorError as error:
        raise DataError(f"{folder / NUMBERS} cannot be read: {error}. {fix}") from error


def checksum_of(folder: Path) -> str:
    """The seal that its card bears: another network or card has another. Raises DataError where there is none."""
    try:
        return str(json.loads(_bytes(folder / CARD, "Restore it."))["seal"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder / CARD} bears no seal: {error!r}. Restore it.") from error


def _no_number(word: str) -> None:
    """Refuse NaN and infinities, which are no JSON and never saved."""
    raise ValueError(f"{word} is no number")


def _bytes(path: Path, fix: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. {fix}") from error


def _checksum(card: Mapping[str, Any], numbers: bytes) -> str:
    """sha256 over the card's values and the numbers: it breaks when either file is changed, cut, or exchanged."""
    text = json.dumps(card, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode() + b"\0" + numbers).hexdigest()
