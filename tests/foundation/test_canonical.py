"""Hashes of documents: those that any tool finds over the same bytes, whatever order the keys were given in."""

import hashlib

import pytest

from foundation.canonical import content_hash


def test_hash_is_the_sha256_of_the_sorted_document_without_blanks() -> None:
    assert (
        content_hash({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    )  # printf {} | sha256sum
    written = '{"a":{"b":0.1,"ü":[1,null,true]},"z":"line\\nbreak"}'.encode()
    expected = hashlib.sha256(written).hexdigest()
    assert content_hash({"z": "line\nbreak", "a": {"ü": [1, None, True], "b": 0.1}}) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_lacks_has_no_hash(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        content_hash({"price": value})
