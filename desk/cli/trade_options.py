"""The options of `rebalance trades`."""

from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path | None, typer.Argument(help="A portfolio file.", show_default=False)]
Out = Annotated[
    list[str] | None,
    typer.Option(
        help="Also write the list to this file, in the format of its ending: .csv, .json, .parquet, .xlsx, .html, "
        ".fix, .ib.csv, .oms.csv or .alpaca.json. Can be repeated."
    ),
]
AsReview = Annotated[
    bool, typer.Option("--review", help="Make no orders: show drift, ranges, and what would trade next.")
]
Positions = Annotated[
    Path | None, typer.Option(help="A broker's CSV of positions, in place of the holdings and cash of FILE.")
]
Prices = Annotated[Path | None, typer.Option(help="A CSV of prices (asset, price, date), in place of the last closes.")]
Rates = Annotated[
    str,
    typer.Option(
        metavar="FILE|PAIRS",
        help="Exchange rates of today, a CSV or EURUSD=1.0664,GBPUSD=1.2103, before those of FILE or the models.",
        show_default=False,
    ),
]
PricesOk = Annotated[
    str,
    typer.Option(
        metavar="LINES",
        help="Lines such as SPY,AGG whose prices or values are right although they are far from others.",
        show_default=False,
    ),
]
NotHeld = Annotated[
    str,
    typer.Option(
        metavar="LINES",
        help="Lines such as GLD that are in no row of the positions because they are not held.",
        show_default=False,
    ),
]
AsOf = Annotated[
    str, typer.Option(help="Today, YYYY-MM-DD: the age of prices is counted to it. [default: the exchange's]")
]
StaleOk = Annotated[
    bool, typer.Option("--stale-ok", help="Make the list, marked, where prices are too old for orders.")
]
Deploy = Annotated[
    float, typer.Option(help="Money that comes in, besides the cash of FILE: bought with, where that suffices.")
]
Withdraw = Annotated[float, typer.Option(help="Money that goes out: sold for, where cash does not suffice.")]
Account = Annotated[
    str,
    typer.Option(help="Account of FILE to which --deploy comes, or which --withdraw leaves.", show_default=False),
]
BuyOnly = Annotated[bool, typer.Option("--buy-only", help="Send only the buys of the trade.")]
SellOnly = Annotated[bool, typer.Option("--sell-only", help="Send only the sells of the trade.")]
ToTarget = Annotated[bool, typer.Option("--to-target", help="Trade to target, whatever the policy's rule decides.")]
Accounts = Annotated[
    Path | None,
    typer.Option(help="A CSV file with a row an account, instead of FILE: list them all.", show_default=False),
]
Exact = Annotated[bool, typer.Option("--exact", help="Prove the lots of each account, not by a greedy search.")]
Workers = Annotated[int | None, typer.Option(help="Processes that list accounts. [default: 1]", show_default=False)]
