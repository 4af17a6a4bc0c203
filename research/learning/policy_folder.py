"""The folder of a saved policy: its card and its arrays, their checksum and the card's values verified."""

from pathlib import Path
from typing import Any

import numpy as np

from foundation.errors import DataError
from research.learning.card_shape import check_card
from research.learning.checksummed import read_checksummed

POLICY_FIX = "Restore the folder as it was saved, or train the policy again."


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a policy of any format. Raises DataError as `read_policy_folder` does."""
    return read_policy_folder(folder)[0]


def read_policy_folder(folder: Path, format_: str = "") -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The card of a policy, and its arrays by name, of any shape and unit.

    format_ : the only format of a card that is accepted; "" accepts all.
    Raises  : DataError as `read_checksummed` does, and for a card whose values are not those of its format.
    """
    card, arrays = read_checksummed(folder, POLICY_FIX, format_)
    try:
        check_card(card)
    except ValueError as error:
        raise DataError(f"{folder} holds no valid policy: {error}. {POLICY_FIX}") from error
    return card, arrays
