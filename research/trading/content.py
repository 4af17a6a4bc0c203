"""What a trade list says: the parts that its ticket and its pages show, and the sentence that each of them carries."""

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

DISCLAIMER = (
    "Decision support, not investment advice: whoever approves these orders has to check them and is responsible for "
    "them."
)


class Content(NamedTuple):
    """The parts of a trade list that tickets and pages show.

    headline   : the list in one line.
    provenance : portfolio, policy, run, data and date that the list comes from.
    facts      : figures by name.
    tables     : by name, with the columns and units that their headers say.
    """

    headline: str
    provenance: Mapping[str, str]
    facts: Mapping[str, str | float | bool]
    tables: Mapping[str, pd.DataFrame]
