"""Line styles of a sweep's policies: a family has one style in every picture; the best policy's line is heavier."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from foundation.paper.styles import LineStyle, line_styles


def family_styles(families: Sequence[str]) -> dict[str, LineStyle]:
    """A colour and dash for each family, in the order given; a family that holds another target is dashed."""
    return line_styles({name: ": " in name for name in families}, reference="", recommended=None)


def policy_styles(shown: pd.DataFrame, by_family: Mapping[str, LineStyle]) -> dict[str, LineStyle]:
    """Line styles of the policies, taken from their families.

    shown     : a row a policy, with columns policy and family, both names; the best first.
    by_family : line styles by family.
    """
    found = {}
    for k, row in enumerate(shown.to_dict("records")):
        style = by_family[row["family"]]
        found[str(row["policy"])] = replace(style, width=2.1, bold=True) if k == 0 else style
    return found
