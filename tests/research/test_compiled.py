"""Where compiled code is kept: an edited kernel never meets machine code that was made before the edit."""

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
    (tmp_path / "backtests/engine.py").write_text(KERNEL + "from research.accounting.kernel import twice as callee\n")
    (tmp_path / "backtests/tables.py").write_text("import pandas\n")
    monkeypatch.setattr(compiled, "ROOT", tmp_path)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
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
    (tree / "backtests/tables.py").write_text("import pandas as pd\n")
    assert compiled.kernel_stamp() == before
    (tree / "backtests/sweep.py").write_text(KERNEL)
    assert compiled.kernel_stamp() != before


def test_another_numba_has_another_stamp(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = compiled.kernel_stamp()
    monkeypatch.setattr(numba, "__version__", "0.0.1")
    assert compiled.kernel_stamp() != before


def test_the_cache_folder_is_named_by_the_stamp(tree: Path) -> None:
    compiled.set_cache_folder()
    assert Path(numba.config.CACHE_DIR) == tree / "data" / "cache" / "kernels" / compiled.kernel_stamp()
    assert Path(numba.config.CACHE_DIR).is_dir()


def test_a_folder_that_the_user_chose_is_kept(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tree / "chosen"))
    compiled.set_cache_folder()
    assert numba.config.CACHE_DIR == "before"
    assert not (tree / "data").exists()


def test_where_nothing_can_be_written_numba_keeps_its_own_folder(tree: Path) -> None:
    (tree / "data").write_text("a file where the folder should be")
    compiled.set_cache_folder()
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
