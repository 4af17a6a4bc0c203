"""What policies of a sweep look like: a family has one look in every picture, the best policy is heavy."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from backtests.figures.picture import Format
from backtests.figures.styles import Look, looks


def family_looks(families: Sequence[str]) -> dict[str, Look]:
    """A colour and dash for each family, in the order given; a family that holds another target is dashed."""
    return looks({name: ": " in name for name in families}, reference="", recommended=None)


def policy_looks(shown: pd.DataFrame, by_family: Mapping[str, Look]) -> dict[str, Look]:
    """Looks of the policies `shown` (columns policy, family; the best first): their family's, the first one heavy."""
    found = {}
    for k, row in enumerate(shown.to_dict("records")):
        look = by_family[row["family"]]
        found[str(row["policy"])] = replace(look, width=2.1, bold=True) if k == 0 else look
    return found


def roomy(f: Format) -> Format:
    """A format with room for the longer names of a sweep."""
    return replace(f, right=236.0 if f.is_wide else 158.0)
