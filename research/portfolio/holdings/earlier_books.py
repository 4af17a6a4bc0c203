"""Books that are JSON files, as earlier code wrote them: of version 3, and of versions 1 and 2 as one of version 3.

Versions 1 and 2 kept what is held, in units after the splits that were booked, and not what was held at first. Where
the fills since are known with their amounts, what happened is taken out of what is held; else, in version 1, the
opening of the book is what is held, and has fills and entries up to then in it.
"""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from foundation.canonical import content_hash
from foundation.errors import DataError

READ_VERSIONS = 1, 2, 3
RESTORE_BOOK = "Restore the file as it was. To delete it and open the book again loses its fills and cash entries."


def earlier_book(path: Path) -> str:
    """The content of the JSON file of a book, as JSON in version 3.

    Raises : DataError for a file that is damaged, was changed by another hand, lacks a part, or is of another version.
    """
    try:
        parts = json.loads(path.read_bytes())
    except ValueError as error:
        raise DataError(f"{path} is no JSON: {error}. Restore the file, or open the book again.") from error
    stated = parts.pop("fingerprint", None) if isinstance(parts, dict) else None
    if stated != content_hash(parts):
        raise DataError(f"{path} was changed by another hand: its fingerprint is of another content. {RESTORE_BOOK}")
    version = parts.get("schema")
    if version not in READ_VERSIONS:
        fix = "Read it with the code that wrote it, or open the book again."
        raise DataError(f"{path} has version {version} of a book, and this code reads 1, 2 and 3. {fix}")
    try:
        return json.dumps(parts if version == READ_VERSIONS[-1] else _converted(parts))
    except (KeyError, TypeError, ArithmeticError) as error:
        raise DataError(f"{path} is no book of version {version}: {error!r} is wrong or missing.") from error


def _converted(old: Mapping[str, Any]) -> dict[str, Any]:
    blotter, entries = old["blotter"], old.get("entries", [])
    fills = [_with_rate(row, old["basis"]) for row in blotter["fills"]]
    lots = None if old["lots"] is None else {"lots": old["lots"], "sold_at_loss": old["sold_at_loss"]}
    new = {
        **{name: old[name] for name in ("name", "file", "basis", "opened", "unquoted")},
        **{"asked": blotter["asked"], "ticket": blotter["ticket"], "sent": blotter["orders"]},
        **{"fills": fills, "entries": entries, "items": old.get("items", []), "schema": READ_VERSIONS[-1]},
    }
    if _is_known_whole(old):
        opening = {"last_trade": old["opening"]["last_trade"], "holders": _unfolded(old, fills, entries)}
        opening |= {"lots": old["opening"]["lots"], "has": old["events"]}
        sent = [{**order, "filled": "0", "notional": "0", "fees": {}} for order in blotter["orders"]]
        kept = old["realised"] if opening["lots"] is not None else None
        return {**new, "opening": opening, "sent": sent, "kept_gains": kept, "kept_fills": len(fills)}
    has = [*(row["fill_id"] for row in fills), *(entry["entry_id"] for entry in entries), *old["events"]]
    opening = {"last_trade": old["last_trade"], "holders": old["holders"], "has": list(dict.fromkeys(has))}
    opening |= {"lots": lots and {**lots, "realised": old["realised"]}}
    return {**new, "opening": opening}


def _is_known_whole(old: Mapping[str, Any]) -> bool:
    """True where what was held at the opening follows: each fill is stated with its amount, and lots at the opening."""
    amounts = all(Decimal(row["amount"]) or not Decimal(row["units"]) for row in old["blotter"]["fills"])
    lots = old["lots"] is None or (old.get("opening") or {}).get("lots") is not None
    return bool(old.get("opening")) and lots and amounts


def _unfolded(
    old: Mapping[str, Any], fills: Iterable[Mapping[str, Any]], entries: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The holdings of each account before its fills and entries."""
    found = {of["account"]: {part: dict(of[part]) for part in ("units", "cash")} for of in old["holders"]}

    def take(account: str, part: str, of: str, amount: str) -> None:
        held = found[account][part]
        held[of] = str(Decimal(held.get(of, "0")) - Decimal(amount))

    for row in fills:
        if row["asset"] in found[row["account"]]["units"]:
            part = "amount" if row["asset"] in old["unquoted"] else "units"
            take(row["account"], "units", row["asset"], row[part])
        take(row["account"], "cash", row["currency"], row["cash"])
    for entry in entries:
        part = "units" if entry["currency"] in found[entry["account"]]["units"] else "cash"
        take(entry["account"], part, entry["currency"], entry["amount"])
    return [{"account": account, **parts} for account, parts in found.items()]


def _with_rate(row: Mapping[str, Any], basis: str) -> dict[str, Any]:
    """The row of a fill, with the rate at which it was booked."""
    amount = Decimal(row.get("amount", "0"))
    known = row["currency"] != basis and bool(amount)
    return {**row, "rate": str(Decimal(row["worth"]) / amount) if known else None}
