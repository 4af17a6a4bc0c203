"""The accounts of one portfolio, from its file: the holdings, the taxation and the preferred assets of each."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import Field

from foundation.arguments import did_you_mean
from foundation.arrays import Array, Mask, freeze_fields
from foundation.dataclasses import dataclass, field, replace
from research.market import Market
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults
from research.portfolio.file.kinds import HeldAmount, Text, record
from research.portfolio.file.settings import read
from research.portfolio.file.strict_yaml import KeyPath
from research.portfolio.holdings.currencies import Cash, cash_needs, check_debt, check_rates, read_balances
from research.portfolio.holdings.held_rows import Positions, rounding_of
from research.portfolio.holdings.rates import Rates, has_foreign

Kind = Literal["taxable", "sheltered"]
ACCOUNT_KINDS = get_args(Kind)
INSTEAD = "The holdings are the sums of `accounts`: leave it out."


@record
class AccountKeys:
    """An account: its kind, its cash and units, the assets that it prefers, and its number at the broker."""

    kind: Kind
    cash: Cash | None = None
    shares: Annotated[Mapping[str, HeldAmount], Field(min_length=1)] | None = None
    prefers: Sequence[str] = ()
    number: Text | None = None


@dataclass(frozen=True, eq=False)
class Account:
    """One of the accounts of a portfolio.

    name    : name in the file.
    number  : number of the account at the broker, by which orders name it.
    taxable : true if its gains are taxed; else it is sheltered.
    units   : (n,) units held.
    cash    : cash in the basis, at least 0.
    prefers : (n,) assets that it takes before the other accounts do.
    balances : cash by currency, where the portfolio has several; else {}.
    """

    name: str
    number: str
    taxable: bool
    units: Array
    cash: float
    prefers: Mask
    balances: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        freeze_fields(self, "units")
        freeze_fields(self, "prefers", dtype=bool)

    def cash_by_currency(self, basis: str) -> Mapping[str, float]:
        """Its cash by currency; all of it is in the basis where the portfolio has one currency."""
        return self.balances or {basis: self.cash}


def read_accounts(
    document: Document, quoted: Market, assets: Sequence[str], positions: Positions | None, rates: Rates
) -> tuple[Account, ...]:
    """The accounts that `accounts` names, {ira: {kind: sheltered, cash: 5_000, shares: {AGG: 100}, prefers: [AGG]}}.

    quoted    : market, by whose last day a rate is missing.
    assets    : assets of the portfolio.
    positions : rows of a broker's file, which give units and cash by the name or the number of each account; or None.
    rates     : rates at which cash in other currencies is valued.
    Raises    : ConfigError for a key or value that is wrong, for holdings beside `accounts`, and for rows of no
                account; all mistakes are told at once. Without `accounts`, for orders of one of several accounts.
    """
    if not document.has("accounts"):
        _check_payer(document, positions)
        return ()
    found = stated_accounts(document, assets, positions, rates.basis)
    check_rates(document, rates, quoted, [n for a in found for n in cash_needs(("accounts", a.name), a.balances)])
    return _valued(document, found, rates, positions)


def stated_accounts(
    document: Document, assets: Sequence[str], positions: Positions | None, basis: str
) -> list[Account]:
    """The accounts before their cash is valued, as `read_accounts` takes them.

    Raises : ConfigError for all mistakes at once.
    """
    names, faults = document.names("accounts"), Faults()
    with faults:
        _check_nothing_beside(document, assets, positions)
    found = []
    for name in names:
        with faults:
            found.append(_account(document, name, assets, positions, basis, faults))
    with faults:
        _check_numbers(document, found)
        if positions is not None:
            _check_rows(document, found, positions)
    faults.end()
    return found


def account_settings(accounts: Iterable[Account], assets: Sequence[str]) -> dict[str, Any]:
    """The key `accounts` as plain JSON types, defaults filled in."""
    found = {}
    for account in accounts:
        shares = {asset: float(units) for asset, units in zip(assets, account.units, strict=True) if units}
        prefers = [asset for asset, is_it in zip(assets, account.prefers, strict=True) if is_it]
        stated = {
            "kind": ACCOUNT_KINDS[not account.taxable],
            "number": account.number,
            "cash": dict(account.balances) or account.cash,
        }
        found[account.name] = (
            stated | ({"shares": shares} if shares else {}) | ({"prefers": prefers} if prefers else {})
        )
    return found


def total_units(accounts: Iterable[Account], i: int) -> float:
    """The units of asset `i` in all accounts, as decimals add up: 0.1 and 0.2 are 0.3."""
    return decimal_sum(float(account.units[i]) for account in accounts)


def decimal_sum(amounts: Iterable[float]) -> float:
    """The sum of amounts as they are written, whatever their order.

    >>> decimal_sum([0.1, 0.2])
    0.3
    """
    return float(sum((Decimal(repr(float(amount))) for amount in amounts), Decimal()))


# -- one account -----------------------------------------------------------------------------------------------------


def _account(
    document: Document, name: str, assets: Sequence[str], positions: Positions | None, basis: str, faults: Faults
) -> Account:
    path = ("accounts", name)
    keys = read(document, path, AccountKeys)
    number = keys.number or name
    if positions is None:
        for asset in keys.shares or ():
            with faults:
                document.check_line((*path, "shares", asset), asset, assets)
        held = np.array([(keys.shares or {}).get(asset, 0.0) for asset in assets])
    else:
        held = _units(positions, assets, (name, number))
    balances = _balances(document, path, positions, (name, number), basis, faults)
    for asset in keys.prefers:
        document.check_line((*path, "prefers"), asset, assets)
    return Account(name, number, keys.kind == ACCOUNT_KINDS[0], held, 0.0, np.isin(assets, keys.prefers), balances)


def _units(positions: Positions, assets: Sequence[str], known: tuple[str, str]) -> Array:
    """(n,) units of an account by the rows of a broker's file that have its name or number."""
    own = [row for row in positions.held if row.account in known]
    return np.array([decimal_sum(row.units for row in own if row.asset == asset) for asset in assets])


def _balances(
    document: Document, path: KeyPath, positions: Positions | None, known: tuple[str, str], basis: str, faults: Faults
) -> dict[str, float]:
    """Cash of an account by currency, by `cash`, or by the rows of a broker's file where it has rows of cash."""
    by_rows = positions is not None and bool(positions.cash)
    for key, given in {"cash": by_rows, "shares": positions is not None}.items():
        if positions is not None and given and document.has(*path, key):
            with faults:
                found, fix = document.value(*path, key), f"{positions.file} gives it: leave it out."
                document.refuse((*path, key), "stands beside `positions`", found, fix)
    if positions is None or not by_rows:
        with faults:
            return read_balances(document, (*path, "cash"), basis)
        return {}
    own = [row for row in positions.cash if row.account in known]
    return {
        currency: decimal_sum(row.amount for row in own if row.currency == currency)
        for currency in dict.fromkeys((basis, *(row.currency for row in own)))
    }


def _valued(
    document: Document, accounts: Sequence[Account], rates: Rates, positions: Positions | None
) -> tuple[Account, ...]:
    """The accounts with their cash in the basis; by currency, where one of them has cash in another."""
    several = any(has_foreign(rates.basis, account.balances) for account in accounts)
    found, faults = [], Faults()
    for account in accounts:
        cash, by = rates.value(account.balances), "" if positions is None else f"{positions.file} has "
        with faults:
            what = f"{by}negative cash of this account"
            check_debt(document, ("accounts", account.name), what, cash, rounding_of(positions))
        found.append(replace(account, cash=cash, balances=account.balances if several else {}))
    faults.end()
    return tuple(found)


def _check_numbers(document: Document, accounts: Sequence[Account]) -> None:
    """Raise ConfigError for two accounts with one number, by which orders could not tell them apart."""
    owners: dict[str, str] = {}
    for account in accounts:
        for word in {account.name, account.number}:
            if owners.setdefault(word, account.name) != account.name:
                path = ("accounts", account.name, "number")
                document.refuse(path, f"{owners[word]} has the same", word, "Give each account its own number.")


def _check_nothing_beside(document: Document, assets: Sequence[str], positions: Positions | None) -> None:
    """Raise ConfigError for holdings and an account that stand beside `accounts`, all of them at once."""
    beside: list[KeyPath] = [("lines", asset, key) for asset in assets for key in ("shares", "holdings")]
    faults = Faults()
    for path in [("cash",), ("ticket", "account"), *beside]:
        if document.has(*path):
            with faults:
                fix = "Each order names its account: leave it out." if path[0] == "ticket" else INSTEAD
                document.refuse(path, "stands beside `accounts`", document.value(*path), fix)
    faults.end()


def _check_payer(document: Document, positions: Positions | None) -> None:
    """Raise ConfigError where all orders name one account of a broker's file, and others of it hold units or cash."""
    path, found = ("ticket", "account"), () if positions is None else positions.accounts
    if positions is not None and len(found) > 1 and document.has(*path) and document.value(*path) in found:
        what = (
            f"the orders of all {len(found)} accounts of {positions.file}, {', '.join(found)}, would name one of them"
        )
        document.refuse(path, what, document.value(*path), "State `accounts:`, and leave it out.")


def _check_rows(document: Document, accounts: Sequence[Account], positions: Positions) -> None:
    """Raise ConfigError for rows of a broker's file whose account is none of the portfolio."""
    known = {word for account in accounts for word in (account.name, account.number)}
    rows = [(row.account, row.row) for row in positions.held] + [(row.account, row.row) for row in positions.cash]
    wrong = {account: row for account, row in rows if account not in known}
    faults = Faults()
    for account, row in wrong.items():
        with faults:
            what = f"{positions.file}, row {row}, is of an account that the portfolio does not have"
            fix = "Add it, by its name or `number`, or declare the column of accounts, columns: {account: …}. "
            fix += did_you_mean(account, sorted(known))
            document.refuse(("accounts",), what, account, fix)
    faults.end()
