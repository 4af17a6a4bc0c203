"""Each view of a record is there: the record by its name, and the function that makes it."""

from importlib import import_module
from types import FunctionType

import pytest

from backtests.views import VIEWS


@pytest.mark.parametrize(("record", "kind"), VIEWS)
def test_record_and_maker_exist(record: str, kind: str) -> None:
    room, _, name = record.rpartition(".")
    assert isinstance(getattr(import_module(f"backtests.{room}"), name), type)
    module, function = VIEWS[record, kind].split(":")
    assert isinstance(getattr(import_module(f"backtests.{module}"), function), FunctionType)
