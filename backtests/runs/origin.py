"""Identification of the run that a sheet belongs to."""

from typing import Protocol


class Origin(Protocol):
    """The identity of a run; `backtests.runs.folder.Run` is one."""

    @property
    def name(self) -> str:
        """The name of the run."""

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the data, hex."""

    @property
    def code(self) -> str:
        """Version of the code."""


def identity(run: Origin | None) -> dict[str, str]:
    """The fact of a page that identifies its run, in words by name; {} for a page that belongs to none."""
    return {} if run is None else {"Run": f"{run.name}; data {run.fingerprint[:16]}, code {run.code}"}


def identity_numbers(run: Origin | None) -> dict[str, str] | None:
    """The same as plain values, whole; None for a page that belongs to no run."""
    return None if run is None else {"name": run.name, "data_fingerprint": run.fingerprint, "code": run.code}
