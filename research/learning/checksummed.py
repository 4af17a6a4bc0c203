"""A folder with arrays (safetensors) and a card (JSON) under one checksum. Reading it runs no code from either file.

The card keeps the checksum under its key "seal", and the name of the file of arrays begins it: a folder over which
another policy is saved holds the earlier one or the new one, whenever the writer is killed. Other files in the folder
are left alone.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from foundation.arguments import cut, shown
from foundation.errors import DataError
from foundation.files import data_name, read_with_record, write_with_record

NUMBERS, CARD = "policy.safetensors", "card.json"  # on disk the first bears the beginning of the checksum
RESTORE = "Restore the file."


def write_checksummed(folder: Path, card: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Path:
    """Write card and arrays into `folder`, and give it back; the same values give the same bytes.

    card   : JSON values.
    arrays : arrays by name, of any shape and unit.
    """
    from safetensors.numpy import save as to_bytes

    numbers = to_bytes({name: np.ascontiguousarray(values) for name, values in arrays.items()})
    seal = _checksum(card, numbers)
    text = json.dumps({**card, "seal": seal}, indent=2, sort_keys=True, allow_nan=False) + "\n"
    write_with_record(folder / CARD, text, NUMBERS, seal, numbers)
    return folder


def arrays_file(folder: Path) -> Path:
    """The file of arrays that the card in `folder` names by its checksum. Raises DataError as `checksum_of` does."""
    return folder / data_name(NUMBERS, checksum_of(folder))


def read_checksummed(folder: Path, fix: str, format_: str = "") -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The card and the arrays of a folder; arrays by name, of any shape and unit.

    fix     : sentence that ends each error and tells the reader what to do.
    format_ : the only format of a card that is accepted; "" accepts all.
    Raises  : DataError for a file that is missing or cannot be read, another format, or a checksum that does not
              match.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    def stated(text: bytes) -> str:
        return _seal(_card(text, folder, fix, format_), folder)

    try:
        text, path, numbers = read_with_record(folder / CARD, NUMBERS, stated)
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}. {fix}") from error
    card = _card(text, folder, fix, format_)
    try:
        matches = card.pop("seal") == _checksum(card, numbers)
    except (ValueError, RecursionError) as error:  # a number that no JSON has, such as 1e999
        raise DataError(f"{folder / CARD} cannot be read: {error}. {fix}") from error
    if not matches:
        raise DataError(
            f"{folder} was changed after it was saved: {CARD} and {path.name} do not match the checksum. {fix}"
        )
    try:
        return card, dict(from_bytes(numbers))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:  # the last three: a type that numpy lacks
        raise DataError(f"{path} cannot be read: {cut(str(error))}. {fix}") from error


def checksum_of(folder: Path) -> str:
    """The checksum in the card of `folder`; it changes with any change of card or arrays.

    Raises : DataError where the card is missing or has none.
    """
    try:
        text = (folder / CARD).read_bytes()
    except OSError as error:
        raise DataError(f"{folder / CARD} cannot be read: {error.strerror}. {RESTORE}") from error
    return _seal(_card(text, folder, RESTORE), folder)


def _card(text: bytes, folder: Path, fix: str, format_: str = "") -> dict[str, Any]:
    """The card that the bytes of its file hold. Raises DataError for another format, and for an invalid JSON object."""
    try:
        card = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{folder / CARD} is not JSON: {error}. {fix}") from error
    if not isinstance(card, dict):
        raise DataError(f"{folder / CARD} is a {type(card).__name__}, expected a JSON object. {fix}")
    if format_ and card.get("format") != format_:
        raise DataError(f"{folder / CARD} has the format {shown(card.get('format'))}, expected {format_!r}. {fix}")
    return card


def _no_number(word: str) -> None:
    """Raise ValueError for NaN and infinities, which JSON does not have."""
    raise ValueError(f"{word} is not a JSON number")


def _seal(card: Mapping[str, Any], folder: Path) -> str:
    """The checksum that a card states. Raises DataError where it states none."""
    seal = card.get("seal")
    if not (isinstance(seal, str) and re.fullmatch("[0-9a-f]{64}", seal)):
        raise DataError(f"{folder / CARD} has no checksum under 'seal': found {shown(seal)}. {RESTORE}")
    return seal


def _checksum(card: Mapping[str, Any], numbers: bytes) -> str:
    """sha256 over the card's values and the arrays' bytes: it changes when either file is edited, cut or exchanged."""
    text = json.dumps(card, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode() + b"\0" + numbers).hexdigest()
