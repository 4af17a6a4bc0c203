"""Commands in this process, which spares the seconds that imports take in one of their own."""

import io
import os
import re
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
FILE = ROOT / "data" / "portfolios" / "sixty_forty.yaml"
TRADES = ("trades", "--as-of", "2022-12-29")  # a list on the last day of the market of FILE


class Done(NamedTuple):
    """How a command ended: its exit status and what it wrote, as bytes and as text."""

    status: int
    out: str
    err: str
    raw: bytes

    @property
    def said(self) -> str:
        """What it wrote to stderr, without the assets that tell how far it is where it takes long."""
        return re.sub(r"(?m)^\d\d:\d\d:\d\d .*\n", "", self.err)


def rebalance(*words: object, encoding: str = "utf-8") -> Done:
    """Run a command; its streams have an encoding, and refuse signs that it lacks, as Python's do."""
    from desk.cli import main

    raw = [io.BytesIO(), io.BytesIO()]
    out, err = (io.TextIOWrapper(stream, encoding=encoding, newline="\n") for stream in raw)
    before = dict(os.environ)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["rebalance", *map(str, words)])
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        patch.setattr(warnings, "showwarning", warnings.showwarning)  # which the command replaces
        patch.setenv("COLUMNS", "120")
        try:
            with pytest.raises(SystemExit) as ended:
                main()
        finally:  # options such as --home are kept there, for the processes that a command starts
            os.environ.clear()
            os.environ.update(before)
        out.flush()
        err.flush()
    shown = [stream.getvalue().decode(encoding) for stream in raw]
    return Done(int(ended.value.code or 0), *shown, raw[0].getvalue() + raw[1].getvalue())
