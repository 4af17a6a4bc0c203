"""The parts of an allocation that scales or combines others: its field `allocation`, or `allocations`."""

from collections.abc import Iterator

from research.allocation.allocation import Allocation


def each_of(allocation: Allocation) -> Iterator[Allocation]:
    """An allocation, then all that it scales or combines, at any depth, from the outside in."""
    yield allocation
    one = getattr(allocation, "allocation", None)
    for part in (*(() if one is None else (one,)), *getattr(allocation, "allocations", ())):
        yield from each_of(part)
