"""Client ids: the same for the same slice, in the alphabet and length of a venue, and never one for two orders."""

import hashlib
import re
import string

import pytest

from desk.exchange.venue_ids import ID_LENGTHS, venue_id
from foundation.errors import ConfigError

ORDER = "20221229-11b278dee0abbddffd07"
FORMS = {  # by the venues' references
    "alpaca": r".{1,128}",
    "binance": r"[a-zA-Z0-9-_]{1,36}",
    "interactive_brokers": r".{1,64}",
    "kraken": r".{1,18}",
    "okx": r"[a-zA-Z0-9]{1,32}",
}


@pytest.mark.parametrize("venue", ID_LENGTHS)
def test_an_id_has_the_form_that_the_venue_takes(venue: str) -> None:
    assert re.fullmatch(FORMS[venue], venue_id(ORDER, 3, 1, ID_LENGTHS[venue]))


def test_the_id_of_a_slice_never_changes() -> None:
    assert venue_id(ORDER, 0, 0, 18) == "tki30bes2rzsblgk8h"


def test_an_id_is_the_end_of_the_hash_in_the_base_of_the_alphabet() -> None:
    hexadecimal = hashlib.sha256(f"{ORDER}/2/1".encode()).hexdigest()
    written = venue_id(ORDER, 2, 1, 32, string.digits + string.ascii_lowercase)[::-1]
    assert int(written, 36) == int(hexadecimal, 16) % 36**32


def test_no_two_of_a_hundred_thousand_slices_share_the_shortest_id() -> None:
    ids = {venue_id(f"{ORDER}{k // 100}", k % 100 // 2, k % 2, 18) for k in range(100_000)}
    assert len(ids) == 100_000


def test_slice_and_attempt_are_told_apart() -> None:
    assert len({venue_id(f"x{order}", part, attempt, 18) for order, part, attempt in [("1", 11, 1), ("1", 1, 11)]}) == 2
    assert venue_id("x/1", 1, 1, 18) != venue_id("x", 1, 1, 18)


def test_a_venue_whose_ids_are_too_short_is_refused() -> None:
    with pytest.raises(ConfigError, match="length of a client id is 10: 10 characters need more places for 80 bits"):
        venue_id(ORDER, 0, 0, 10, string.digits)
