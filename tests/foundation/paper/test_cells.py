"""Numbers as cells hold them: every digit, and no exponent."""

import re

from hypothesis import given
from hypothesis import strategies as st

from foundation.paper.cells import cell_text, number_text


@given(value=st.floats(-1e15, 1e15))
def test_a_number_is_read_back_to_the_last_bit(value: float) -> None:
    text = number_text(value)
    assert float(text) == value
    assert re.fullmatch(r"-?\d+(\.\d*[1-9])?", text)


def test_nothing_is_an_empty_cell() -> None:
    assert cell_text(None) == cell_text("") == ""
