"""Market capitalisations of lines, as known on a day: the weights of the market portfolio and of groups."""

from collections.abc import Sequence

import numpy as np

from foundation.arguments import cut, shown
from foundation.arrays import Array
from foundation.errors import DataError
from research.market import Past

MARKET_CAP = "market_cap"  # the fact of lines, where no other is named


def market_caps(assets: Sequence[str], past: Past, fact: str = MARKET_CAP) -> Array:
    """(k,) market capitalisation of each of k lines as known today, in one currency.

    assets : k names.
    fact   : its name.
    Raises : DataError for lines without one, or with one that is not positive, which it names.
    """
    if fact not in past.fact_names:
        raise DataError(
            f"weights by market capitalisation need the fact {fact!r} of {cut(', '.join(assets))}, and the "
            f"market has {', '.join(past.fact_names)}. Give it by with_facts, or in a portfolio file under "
            "`market.facts` or the `facts` of each line."
        )
    caps = dict(zip(past.assets, past.fact(fact).tolist(), strict=True))
    bad = [asset for asset in assets if not (isinstance(caps[asset], float) and caps[asset] > 0.0)]
    if bad:
        raise DataError(
            f"{fact} of {', '.join(bad)} is {shown(caps[bad[0]])} on {past.date:%Y-%m-%d}: weights by market "
            "capitalisation need a number above 0. State it from an earlier date, or weight equally."
        )
    return np.array([caps[asset] for asset in assets])
