"""JSON documents as canonical text, hashes of their content, and numbers as they are written."""

import hashlib
import json
from decimal import Decimal


def canonical_json(document: object) -> str:
    """A document as one line of JSON with sorted keys and no blanks: equal documents have equal text.

    Raises : ValueError for a number that JSON does not have, such as NaN.

    >>> canonical_json({"side": "buy", "quantity": 10, "asset": "Nestlé"})
    '{"asset":"Nestlé","quantity":10,"side":"buy"}'
    """
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_hash(document: object) -> str:
    """The sha256 of the canonical JSON of a document in UTF-8, hex. Raises ValueError as `canonical_json` does."""
    return hashlib.sha256(canonical_json(document).encode()).hexdigest()


def decimal(amount: float | Decimal) -> Decimal:
    """An amount as it is written: 0.1 is a tenth."""
    return amount if isinstance(amount, Decimal) else Decimal(repr(float(amount)))
