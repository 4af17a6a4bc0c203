"""A broker's terms in one line, `ticket=5.90,half_spread_bps=3`, and the costs of a new file that is told none."""

import re
from collections.abc import Iterable, Mapping

from foundation.arguments import did_you_mean, shown
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError
from foundation.table_files import plain_number
from research.market.cash import HIGHEST_RATE, LOWEST_RATE
from research.portfolio.unstated import ASSUMED_IN

CLASS_COSTS = {
    "us_equity": 1, "bonds": 1, "fx": 1, "developed_equity": 1.5, "global_equity": 1.5, "gold": 1.5, "equity": 1.5,
    "emerging_equity": 2, "real_estate": 2, "commodities": 2, "mixed": 2, "other": 5, "crypto": 10,
}  # fmt: skip  # by class, commission and half-spread, bp of notional a side: those of the example portfolios
TICKET, HALF_SPREAD = 5.9, 3  # currency an order and bp: what a broker of private accounts takes of a fund
LARGE_ACCOUNT = 1_000_000.0  # NAV from which bp are assumed: an order of a twentieth of it pays about `TICKET` in bp
IN_BP = ("crypto", "fx")  # classes whose venues take bp of any account
STATED_FEES = ("ticket", "minimum", "commission_bps")
AMOUNT, BPS, FRACTION = (0.0, 1e9), (0.0, 5_000.0), (0.0, 1.0)
BROKER_TERMS: Mapping[str, tuple[str, tuple[float, float]]] = {
    "ticket": ("currency an order", AMOUNT),
    "minimum": ("least commission of an order, currency", AMOUNT),
    "commission_bps": ("commission, bp of an order", BPS),
    "half_spread_bps": ("half the difference of bid and ask, bp of an order", BPS),
    "tax": ("on gains, a fraction", FRACTION),
    "saving": ("currency a month that comes in, or goes out below 0", (-1e9, 1e9)),
    "day_cost": ("worth of a day on which you trade, currency", AMOUNT),
    "cash": ("interest on cash a year, a fraction", (LOWEST_RATE, HIGHEST_RATE)),
}
TERMS_EXAMPLE = "ticket=5.90,half_spread_bps=3"
DECIMAL_COMMA = re.compile(r"(\w+\s*=\s*-?\d+),(\d+)\s*(?=,|$)")


def read_terms(stated: str) -> dict[str, float]:
    """The terms of a line such as ticket=5.90,half_spread_bps=3, by name; {} for an empty line.

    Raises : ConfigError for an unknown term, one that is given twice, a decimal comma, and what is no number in its
             bounds.

    >>> read_terms("ticket=5.90, half_spread_bps=3")
    {'ticket': 5.9, 'half_spread_bps': 3.0}
    """
    found: dict[str, float] = {}
    if at := DECIMAL_COMMA.search(stated):
        raise ConfigError(f"--broker: found {shown(at[0])}: a comma ends a term. Write decimals as {at[1]}.{at[2]}.")
    for word in filter(None, map(str.strip, stated.split(","))):
        name, _, number = (part.strip() for part in word.partition("="))
        if name not in BROKER_TERMS:
            raise ConfigError(
                f"--broker: unknown term: found {shown(word)}. {did_you_mean(name, BROKER_TERMS)} "
                f"Write {TERMS_EXAMPLE}."
            )
        if name in found:
            raise ConfigError(f"--broker: {name} is given twice: found {shown(word)} after the first. Give it once.")
        what, (low, high) = BROKER_TERMS[name]
        value = plain_number(number)
        if value is None or not low <= value < high:
            raise ConfigError(
                f"--broker: {name} is no number from {low:g} to below {high:g}: found {shown(number)}. It is {what}."
            )
        found[name] = value
    return found


@dataclass(frozen=True)
class BrokerCosts:
    """The costs of a new file.

    by_class : asset class -> its keys.
    told     : where they come from, in a sentence.
    assumed  : the keys under which the file marks what nobody stated.
    """

    by_class: Mapping[str, Mapping[str, float]]
    told: str
    assumed: tuple[str, ...] = ()


def broker_costs(classes: Iterable[str], terms: Mapping[str, float], nav: float | None, basis: str) -> BrokerCosts:
    """The costs by asset class: as stated, else those of a private account below `LARGE_ACCOUNT`, else bp by class.

    terms : as `read_terms` gives them.
    nav   : about what the account is worth, None where it is not known: a private one.
    basis : its currency; of one in which `LARGE_ACCOUNT` says nothing, bp are assumed.
    """
    stated = {name: terms[name] for name in BROKER_TERMS if name in terms and name in (*STATED_FEES, "half_spread_bps")}
    bps = {name: float(CLASS_COSTS.get(name, CLASS_COSTS["other"])) for name in dict.fromkeys(classes)}
    private = basis in ASSUMED_IN and (nav is None or nav < LARGE_ACCOUNT)
    wide = {name: max(HALF_SPREAD, bp) if private else bp for name, bp in bps.items()}
    if not stated.keys().isdisjoint(STATED_FEES):
        told = "Half-spreads are assumed." if "half_spread_bps" not in stated else "As you stated them."
        marked = () if "half_spread_bps" in stated else ("half_spread",)
        return BrokerCosts({name: {"half_spread_bps": wide[name]} | stated for name in bps}, told, marked)
    in_bp = [name for name in bps if name in IN_BP or not private]
    found = {
        name: ({"commission_bps": bp} if name in in_bp else {"ticket": TICKET})
        | {"half_spread_bps": wide[name]}
        | stated
        for name, bp in bps.items()
    }
    spread = "" if stated else f" and a half-spread of {HALF_SPREAD} bp or more"
    small = f"{TICKET:.2f} {basis} an order{spread}, as of a private account"
    of = "basis points of notional a side" if len(in_bp) == len(bps) else small
    return BrokerCosts(found, f"Assumed: {of}. State what your broker charges.", ("fees",) if stated else ("costs",))
