"""Records of cycles for tests of alerts: a real one, with other readings, another status or another session."""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from watched import steady

from desk.commands.cycle.cycle import Ran
from desk.cycle.cycle import Cycle, run_cycle
from research.portfolio import load_portfolio

NORMAL = ("normal", False)
TICKET = "0123abcd" * 8
SOON, NOW = ("warning", False), ("critical", True)  # levels of a reading that raise a warning, and an urgent alert


@cache
def real_cycle() -> Cycle:
    """A cycle of the steady market, with an asset outside its range."""
    with TemporaryDirectory() as folder:
        portfolio = load_portfolio(steady(Path(folder)), {"cycle.worlds": 100, "lines.A.range": [0.0, 0.59]})
        return run_cycle(portfolio, portfolio.policies["never"], "never")


def ran(
    levels: Mapping[str, tuple[str, bool]],
    status: str = "finalised",
    session: str = "",
    name: str = "",
    ticket: str = "",
) -> Ran:
    """The cycle, as if it had said something else.

    levels  : by reading, its level and if it triggers; the others are normal. "ranges: B" is a reading of B.
    session : its last close; "" for that of the market.
    ticket  : hash of its list.
    """
    document: dict[str, Any] = deepcopy(cast(dict[str, Any], real_cycle().document)) | {"status": status}
    request = document["steps"][0]["output"]
    request |= {"last_close": session or request["last_close"], "portfolio": name or request["portfolio"]}
    document["steps"][5]["output"]["ticket"] = ticket
    given = {key.partition(": ")[0]: (level, key.partition(": ")[2]) for key, level in levels.items()}
    for reading in document["steps"][3]["output"]["readings"]:
        (reading["level"], reading["triggers"]), reading["of"] = given.get(reading["name"], (NORMAL, ""))
    return Ran("", real_cycle(), document, True, status)


def with_order(made: Ran) -> Ran:
    """The cycle with an order to buy A in its list."""
    bought = {"priority": "HIGH", "account": "", "asset": "A", "action": "buy", "units": 1, "value": 1.0}
    made.document["steps"][5]["output"]["actions"] = [bought | {"rationale": ""}]
    return made
