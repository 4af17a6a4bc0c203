"""A folder with arrays (safetensors) and a card (JSON) under one checksum. Reading it runs no code from either file.

Each file is written under a temporary name and renamed when complete. If only one of the two was replaced, the
checksum does not match. Other files in the folder are left alone. The card keeps the checksum under its key "seal".
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
    """Write card and arrays into `folder`, and give it back; the same values give the same bytes.

    card   : JSON values.
    arrays : by name, of any shape and unit.
    """
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
    """The card and the arrays of a folder; arrays by name, of any shape and unit.

    fix     : sentence that ends each error and tells the reader what to do.
    format_ : the only format of a card that is accepted; "" accepts all.
    Raises  : DataError for a file that is missing or cannot be read, another format, or a checksum that does not
              match.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    text, numbers = (_bytes(folder / name, fix) for name in (CARD, NUMBERS))
    try:
        card = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{folder / CARD} is not JSON: {error}. {fix}") from error
    if not isinstance(card, dict):
        raise DataError(f"{folder / CARD} is a {type(card).__name__}, expected a JSON object. {fix}")
    if format_ and card.get("format") != format_:
        raise DataError(f"{folder / CARD} has the format {card.get('format')!r}, expected {format_!r}. {fix}")
    if card.pop("seal", None) != _checksum(card, numbers):
        raise DataError(
            f"{folder} was changed after it was saved: {CARD} and {NUMBERS} do not match the checksum. {fix}"
        )
    try:
        return card, dict(from_bytes(numbers))
    except SafetensorError as error:
        raise DataError(f"{folder / NUMBERS} cannot be read: {error}. {fix}") from error


def checksum_of(folder: Path) -> str:
    """The checksum in the card of `folder`; it changes with any change of card or arrays.

    Raises : DataError where the card is missing or has none.
    """
    try:
        return str(json.loads(_bytes(folder / CARD, "Restore the file."))["seal"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder / CARD} has no checksum under 'seal': {error!r}. Restore the file.") from error


def _no_number(word: str) -> None:
    """Raise ValueError for NaN and infinities, which JSON does not have."""
    raise ValueError(f"{word} is not a JSON number")


def _bytes(path: Path, fix: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. {fix}") from error


def _checksum(card: Mapping[str, Any], numbers: bytes) -> str:
    """sha256 over the card's values and the arrays' bytes: it changes when either file is edited, cut or exchanged."""
    text = json.dumps(card, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode() + b"\0" + numbers).hexdigest()
