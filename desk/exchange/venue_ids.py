"""Client ids of venues: a hash of the order, slice and attempt, in the alphabet and the length that a venue takes.

An id depends on nothing else, so that whoever resumes after a kill asks for the same one. The journal has the order of
each. Of two orders with one id, a venue would take the first only: 18 characters of 36, the shortest here, are 93 bits.
"""

import hashlib
import string

from foundation.arguments import refuse

LETTERS_AND_DIGITS = string.ascii_lowercase + string.digits
ID_LENGTHS = {  # most characters of an id; all take the alphabet
    "alpaca": 128,
    "binance": 36,
    "interactive_brokers": 64,
    "kraken": 18,
    "okx": 32,
}
LONGEST_ID = 48  # characters: 248 bits; more would repeat the hash
LEAST_BITS = 80  # of an id, as of an order's own: 1e5 orders collide once in 1e14 tries


def venue_id(order_id: str, part: int, attempt: int, length: int, alphabet: str = LETTERS_AND_DIGITS) -> str:
    """The client id of a slice of an order at a venue, at most 48 characters.

    order_id      : id of the order on its ticket.
    part, attempt : places from 0, of the slice, and of its sending after the venue refused one.
    length        : most characters that the venue takes.
    alphabet      : characters that it takes.
    Raises        : ConfigError for a venue whose ids are too short to tell orders apart.

    >>> venue_id("20221229-11b278dee0abbddffd07", 0, 0, ID_LENGTHS["kraken"])
    'tki30bes2rzsblgk8h'
    """
    count = min(length, LONGEST_ID)
    if len(set(alphabet)) < 2 or len(alphabet) ** count < 2**LEAST_BITS:
        refuse(
            "length of a client id is", length, f"{len(alphabet)} characters need more places for {LEAST_BITS} bits."
        )
    number = int.from_bytes(hashlib.sha256(f"{order_id}/{part}/{attempt}".encode()).digest())
    places = []
    for _ in range(count):
        number, place = divmod(number, len(alphabet))
        places.append(alphabet[place])
    return "".join(places)
