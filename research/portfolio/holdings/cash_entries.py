"""Cash that comes and goes without an order: deposits, withdrawals, interest, dividends, taxes and fees."""

from datetime import date
from decimal import Decimal
from typing import Literal

from foundation.dataclasses import dataclass

EntryKind = Literal["deposit", "withdrawal", "interest", "dividend", "tax", "fee", "exchange", "other"]
PAY_DAYS = 90  # at most, from an ex-date to the payment of its dividend


@dataclass(frozen=True)
class CashEntry:
    """One amount of cash.

    entry_id : id at the broker, by which it is booked once; of what another source knew before, made from its event.
    kind     : its kind.
    day      : day on which it was paid.
    account  : name of the account, or "".
    currency : currency, or the asset of which units pay a fee.
    amount   : signed amount, what comes in positive; units of an asset.
    asset    : asset that pays a dividend, or "".
    words    : description by the broker.
    event    : name of the dividend of the market's data, or of the list whose deposit or withdrawal it is, or "".
    fill     : venue and id of the fill whose fee it is, or "".
    assumed  : true while the market's data alone know it; such an entry is not written.
    """

    entry_id: str
    kind: EntryKind
    day: date
    account: str
    currency: str
    amount: Decimal
    asset: str = ""
    words: str = ""
    event: str = ""
    fill: str = ""
    assumed: bool = False

    @property
    def ex_date(self) -> date:
        """The ex-date of a dividend of the market's data, from which on it is earned; else the day of payment."""
        return date.fromisoformat(self.event[-10:]) if self.kind == "dividend" and self.event else self.day

    def is_paid_by(self, day: date) -> bool:
        """True of a dividend that an amount of a day may pay, which is earned on its own."""
        return 0 <= (day - self.day).days <= PAY_DAYS

    @property
    def text(self) -> str:
        """The entry in words."""
        about = " ".join(filter(None, (self.kind, f"of {self.asset}" if self.asset else "")))
        where = f" in {self.account}" if self.account else ""
        words = f": {self.words}" if self.words else ""
        money = f"{self.amount:,.2f}" if self.amount == round(self.amount, 2) else f"{self.amount:,f}"
        return f"{about} of {money} {self.currency} on {self.day}{where}{words}"


def market_entry(event: str, account: str) -> str:
    """The id of the entry of a dividend by the market's data."""
    return f"{event} {account}".strip()
