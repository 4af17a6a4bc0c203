"""A test as a table: its cases one below the other, each on a line of its own where it fits."""

import pytest


def cases(names: str, *rows: object) -> pytest.MarkDecorator:
    """Run a test once with each of `rows`: the values of its arguments `names`, which commas separate.

    It is pytest's `parametrize` without two of its brackets, so rows may be `pytest.param` and have an `id`.
    """
    return pytest.mark.parametrize(names, rows)
