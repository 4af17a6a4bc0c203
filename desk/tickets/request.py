"""The request for a trade list from what a desk writes: options, parameters of a notebook, or cells of an account."""

from foundation.arguments import is_number, refuse
from foundation.errors import ConfigError
from research.orders import Request


def request_of(
    deposit: float = 0.0, withdraw: float = 0.0, side: str = "", to_target: bool = False, account: str = ""
) -> Request:
    """The request for a trade list, from options of a command, parameters of the notebook, or cells of an account.

    deposit   : contribution, currency.
    withdraw  : withdrawal, currency.
    side      : "buy" or "sell" for these orders only, "" for both.
    to_target : true to trade to target whatever the policy's rule decides.
    account   : account of the portfolio that money comes to or leaves.
    Raises    : ConfigError for values that are no amounts or below zero, for another side, and for options that exclude
                each other.
    """
    for name, amount in {"deposit": deposit, "withdraw": withdraw}.items():
        if not (is_number(amount) and amount >= 0.0):
            refuse(f"{name} is", amount, "give an amount of money, at least 0.")
    if deposit and withdraw:
        raise ConfigError(f"deposit is {deposit:,.2f} and withdraw is {withdraw:,.2f}: give the difference as one.")
    if side == "buy" and withdraw:
        raise ConfigError("a withdrawal may need sales, and only buys are asked for: leave one of the two out.")
    if side == "sell" and deposit:
        raise ConfigError("a deposit may need purchases, and only sells are asked for: leave one of the two out.")
    return Request(deposit - withdraw, side, to_target, account)
