"""The ticket as JSON: as its published schema says, with all that it holds and a hash that anyone can compute."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from desk.tickets.formats import ticket_json
from desk.tickets.ticket import TICKET_SCHEMA, Ticket
from foundation.canonical import content_hash
from foundation.errors import DataError

FILE = Path(__file__).parents[4] / "docs" / "schemas" / f"ticket-{TICKET_SCHEMA}.json"
VALIDATOR = Draft202012Validator(json.loads(FILE.read_text(encoding="utf-8")))


def check(ticket: Ticket) -> None:
    found = json.loads(ticket_json.write(ticket))
    VALIDATOR.validate(found)
    assert set(found) == set(VALIDATOR.schema["required"])  # type: ignore[index]
    for name in ("orders", "held", "would_trade"):
        assert found[name] == [asdict(row) for row in getattr(ticket, name)]
    stated = found.pop("hash")
    text = json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert stated == ticket.hash == hashlib.sha256(text.encode()).hexdigest()


def test_a_list_is_read_back(lists: Sequence[Ticket]) -> None:
    for ticket in lists:
        check(ticket)


def test_a_list_that_holds_says_what_a_trade_to_target_would_be(real: Ticket) -> None:
    found = json.loads(ticket_json.write(real))
    assert bool(found["would_trade"]) == found["holds"] == (not found["orders"])


def test_a_ticket_of_version_1_is_read_and_a_changed_one_is_refused(tmp_path: Path, real: Ticket) -> None:
    document = {key: part for key, part in real.document.items() if key != "sending"} | {"schema": 1}
    stated = content_hash(document)
    path = tmp_path / "trades.json"
    path.write_text(json.dumps({"schema": 1, "hash": stated, **document}, indent=2))
    assert ticket_json.read_ticket_file(path) == {"hash": stated, **document}
    path.write_text(path.read_text().replace('"policy": "', '"policy": "x'))
    with pytest.raises(DataError, match="was changed: it states the hash"):
        ticket_json.read_ticket_file(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"schema": 2, "hash": "ab", "orders": []}', "holds a ticket whose bytes were changed"),
        ('{"orders": []}', "is no ticket"),
        ("[1, [2]]", "is no ticket"),
        ("1", "is no ticket"),
        ("side,asset\n", "is no ticket"),
    ],
)
def test_a_ticket_that_was_reformatted_is_told_from_what_is_none(tmp_path: Path, content: str, said: str) -> None:
    (path := tmp_path / "trades.json").write_text(content)
    with pytest.raises(DataError, match=f"trades.json {said}"):
        ticket_json.read_ticket_file(path)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda found: found.update(schema=TICKET_SCHEMA - 1), id="older"),
        pytest.param(lambda found: found["orders"][0].update(quantity="133"), id="worded"),
        pytest.param(lambda found: found["orders"][0].update(units=found["orders"][0].pop("quantity")), id="renamed"),
        pytest.param(lambda found: found["orders"][0].update(quantity=0), id="empty"),
    ],
)
def test_what_is_wrong_is_found(limited: Ticket, spoil: Callable[[dict[str, Any]], None]) -> None:
    found = json.loads(ticket_json.write(limited))
    spoil(found)
    assert not VALIDATOR.is_valid(found)
