"""Facts of this machine, and what stands for them where a system lacks them."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from needed import LINUX

from foundation.machine import (
    address_space,
    limit_address_space,
    path_of,
    peak_memory,
    peak_memory_of_children,
    processors,
)

MIB = 2**20
HOLD = f"held = bytearray(300 * {MIB})"


@LINUX
def test_a_process_has_the_processors_that_it_is_allowed() -> None:
    program = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])"
    program += "; from foundation.machine import processors; print(processors())"
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "1\n"


def test_where_a_system_does_not_say_so_a_process_has_all_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert processors() == os.cpu_count()


def test_where_a_system_has_no_limit_of_addresses_none_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    before = address_space()
    monkeypatch.setattr(sys, "platform", "darwin")
    limit_address_space(2**40)
    assert address_space() == before


def test_memory_is_in_bytes() -> None:
    assert 0.9 * psutil.Process().memory_info().rss < peak_memory() < 64 * 2**30
    subprocess.run([sys.executable, "-c", HOLD], check=True)
    assert 300 * MIB < peak_memory_of_children() < 64 * 2**30


def test_an_open_file_and_an_open_folder_have_their_paths(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    for path in (tmp_path, tmp_path / "a file"):
        handle = os.open(path, os.O_RDONLY)
        assert path_of(handle) == str(path)
        os.close(handle)
