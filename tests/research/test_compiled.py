"""Where compiled code is kept: an edited kernel never meets machine code that was made before the edit."""

import os
from pathlib import Path

import numba
import pytest

from research import compiled

KERNEL = "from research.compiled import compiled\n\n@compiled\ndef twice(x):\n    return 2 * x\n"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a kernel, a module that calls it from another room, and one that has nothing compiled."""
    for room in ("research/accounting", "backtests"):
        (tmp_path / room).mkdir(parents=True)
    (tmp_path / "research/accounting/kernel.py").write_text(KERNEL)
    (tmp_path / "backtests/engine/run.py").write_text(
        KERNEL + "from research.accounting.kernel import twice as callee\n"
    )
    (tmp_path / "backtests/evaluation/tables.py").write_text("import pandas\n")
    monkeypatch.setattr(compiled, "ROOT", tmp_path)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    monkeypatch.setattr(numba.config, "CACHE_DIR", "before")
    return tmp_path


def test_an_edited_callee_changes_the_stamp(tree: Path) -> None:
    """Only the caller is compiled anew by numba itself, and only when its own file changes."""
    before = compiled.kernel_stamp()
    callee = tree / "research/accounting/kernel.py"
    callee.write_text(callee.read_text().replace("2 * x", "3 * x"))
    assert compiled.kernel_stamp() != before
    callee.write_text(KERNEL)
    assert compiled.kernel_stamp() == before


def test_a_new_kernel_changes_the_stamp_and_what_is_not_compiled_does_not(tree: Path) -> None:
    before = compiled.kernel_stamp()
    (tree / "backtests/evaluation/tables.py").write_text("import pandas as pd\n")
    assert compiled.kernel_stamp() == before
    (tree / "backtests/sweep.py").write_text(KERNEL)
    assert compiled.kernel_stamp() != before


def test_an_edited_constant_changes_the_stamp(tree: Path) -> None:
    """Compiled code holds the value that it had: a module without a kernel counts where one imports from it."""
    (tree / "research/accounting/orders.py").write_text("FIRST = 1\n")
    kernel = tree / "research/accounting/kernel.py"
    kernel.write_text("from research.accounting.orders import FIRST\n" + KERNEL)
    before = compiled.kernel_stamp()
    (tree / "research/accounting/orders.py").write_text("FIRST = 2\n")
    assert compiled.kernel_stamp() != before


def test_another_numba_has_another_stamp(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = compiled.kernel_stamp()
    monkeypatch.setattr(numba, "__version__", "0.0.1")
    assert compiled.kernel_stamp() != before


def test_the_cache_folder_is_named_by_the_stamp(tree: Path) -> None:
    assert compiled.set_cache_folder()
    assert Path(numba.config.CACHE_DIR) == tree / "data" / "cache" / "kernels" / compiled.kernel_stamp()
    assert Path(numba.config.CACHE_DIR).is_dir()
    assert not (tree / "home").exists()


def test_a_folder_that_the_user_chose_is_kept(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tree / "chosen"))
    assert compiled.set_cache_folder()
    assert numba.config.CACHE_DIR == "before"
    assert not (tree / "data").exists()


def test_first_folder_that_can_be_written_to_is_taken() -> None:
    checkout, user = folders = [Path("checkout"), Path("user")]
    assert compiled.first_writable(folders, lambda _: True) == checkout
    assert compiled.first_writable(folders, lambda folder: folder != checkout) == user
    assert compiled.first_writable(folders, lambda _: False) is None


def test_folder_that_is_read_only_cannot_be_written_to(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked of the system and not read from the mode, which binds root to nothing."""
    assert compiled.can_be_written(tree)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert not compiled.can_be_written(tree)


def test_read_only_checkout_keeps_its_code_by_stamp_in_the_cache_of_the_user(tree: Path) -> None:
    (tree / "data").write_text("a file where the folder should be")
    assert compiled.set_cache_folder()
    before = Path(numba.config.CACHE_DIR)
    assert before == tree / "home" / "cache" / "rebalance-workbench" / "kernels" / compiled.kernel_stamp()
    assert before.is_dir()
    callee = tree / "research/accounting/kernel.py"
    callee.write_text(callee.read_text().replace("2 * x", "3 * x"))
    assert compiled.set_cache_folder()
    assert Path(numba.config.CACHE_DIR) not in (before, Path("before"))


@pytest.mark.parametrize("named", ["", "relative/cache"])
def test_cache_of_the_user_is_in_the_home_unless_it_is_named(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("HOME", "/home/desk")
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    assert compiled.cache_folders("stamp")[1] == Path("/home/desk/.cache/rebalance-workbench/kernels/stamp")


def test_where_no_folder_can_be_written_to_no_code_is_kept(tree: Path) -> None:
    for name in ("data", "home"):
        (tree / name).write_text("a file where the folder should be")
    assert not compiled.set_cache_folder()
    assert numba.config.CACHE_DIR == "before"


def test_every_module_that_holds_a_kernel_is_in_the_stamp() -> None:
    """`njit` is called in `compiled.py` only, so a kernel cannot be made without the import that is looked for."""
    root = Path(compiled.__file__).parent.parent
    for path in [*root.glob("research/**/*.py"), *root.glob("backtests/**/*.py")]:
        source = path.read_text()
        if path != Path(compiled.__file__):
            assert "njit" not in source, path
            if "@compiled" in source or "@inlined" in source:
                assert "from research.compiled import" in source, path
