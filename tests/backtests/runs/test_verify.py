"""A run is verified: unchanged, changed in each way in which it can be, or made by something else than today's code."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backtests.runs.folder import MANIFEST, Run, code_version, former_of, write_json
from backtests.runs.manifest import checksum, sign
from backtests.runs.verify import verify
from foundation.errors import DataError
from foundation.files import ROOT


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A signed run of two files."""
    made = Run("report", "desk", "2022-12-29", {"draws": 200}, "f" * 64)
    folder = tmp_path / made.name
    (folder / "figures").mkdir(parents=True)
    (folder / "trades.csv").write_text("side,asset\n")
    (folder / "figures" / "growth.csv").write_text("date\n")
    write_json(folder / MANIFEST, made.manifest())
    sign(folder, datetime.now(UTC))
    return folder


def reseal(folder: Path, **changes: object) -> None:
    """Change a manifest, and give it a checksum that is right again."""
    manifest = json.loads((folder / MANIFEST).read_text()) | changes
    write_json(folder / MANIFEST, manifest | {"sha256": checksum(manifest)})


def test_a_run_that_nobody_touched_is_what_it_was(run: Path) -> None:
    found = verify(run)
    assert found.changed == found.since == ()
    ended = json.loads((run / MANIFEST).read_text())["times"]["ended"]
    assert repr(found).startswith(f"{run.name}: 2 files unchanged; made on {ended[:10]} by code")
    assert code_version() in repr(found)


@pytest.mark.parametrize(("touch", "said"), [
    (lambda run: (run / "trades.csv").write_text("side,asset\nbuy,SPY\n"), "trades.csv has another content."),
    (lambda run: (run / "figures" / "growth.csv").unlink(), "figures/growth.csv is missing."),
    (lambda run: (run / "figures" / ".hidden").touch(), "figures/.hidden was added."),
    (lambda run: reseal(run, settings={"draws": 9}), "its settings, data and code are those of desk-2022-12-29-"),
    (lambda run: reseal(run, fingerprint="e" * 64), "its settings, data and code are those of desk-2022-12-29-"),
    (lambda run: reseal(run, files={}), "trades.csv was added."),
    (lambda run: (run / "etc").symlink_to("/etc"), "etc is no plain file."),
    (lambda run: (run / "figures" / "more").symlink_to("nowhere"), "figures/more is no plain file."),
    (lambda run: (run / "sheet.pdf").touch(), "sheet.pdf was added."),  # of no page
    (lambda run: os.mkfifo(run / "pipe"), "pipe is no plain file."),
    (lambda run: (run / "trades.csv").rename(run / "orders.csv"), "orders.csv was added."),
])  # fmt: skip
def test_each_change_is_said(run: Path, touch: Callable[[Path], object], said: str) -> None:
    touch(run)
    found = verify(run)
    assert said in repr(found)
    assert found.changed
    assert repr(found).startswith(f"{run.name} was changed after it was made; ")


def test_a_print_of_a_page_is_no_part_of_a_run(run: Path) -> None:
    (run / "tearsheet.html").touch()
    (run / "tearsheet.pdf").write_bytes(b"%PDF-1.4")
    sign(run, datetime.now(UTC))
    assert "tearsheet.pdf" not in json.loads((run / MANIFEST).read_text())["files"]
    (run / "tearsheet.pdf").write_bytes(b"%PDF-1.4 of another day")
    assert verify(run).changed == ()
    (run / "tearsheet.pdf").unlink()
    assert verify(run).changed == ()
    (run / "tearsheet.html").write_text("changed")
    assert verify(run).changed == ("tearsheet.html has another content.",)


def test_a_copy_under_another_name_is_unchanged_and_its_name_is_said(run: Path) -> None:
    found = verify(run.rename(run.with_name("desk-best")))
    assert found.changed == ()
    assert repr(found).startswith(f"{run.name}: 2 files unchanged and kept as desk-best; made on ")


def test_a_run_that_was_killed_between_its_two_renames_is_found(run: Path) -> None:
    run.rename(former_of(run))
    assert verify(run).changed == verify(former_of(run)).changed == ()


def test_what_differs_today_is_no_change_of_the_run(run: Path) -> None:
    before = json.loads((run / MANIFEST).read_text())
    reseal(run, python="3.10.1", versions=before["versions"] | {"numpy": "1.0.0"})
    found = verify(run)
    assert found.changed == ()
    assert found.since == (
        f"python was 3.10.1 and is {before['python']}.",
        f"numpy was 1.0.0 and is {before['versions']['numpy']}.",
    )
    assert "Made again today it may give other figures:" in repr(found)


EDITED_MEANWHILE = """
from datetime import UTC, datetime
from backtests.runs.folder import MANIFEST, ROOT, Run, write_json
from backtests.runs.manifest import sign
from backtests.runs.verify import verify

first = Run("report", "desk", "2022-12-29", {}, "f" * 64)
(ROOT / "research" / "__init__.py").write_text("edited = True")
second = Run("report", "desk", "2022-12-29", {}, "f" * 64)
assert first == second and first.name == second.name, (first, second)
folder = ROOT / "reports" / first.name
folder.mkdir(parents=True)
write_json(folder / MANIFEST, first.manifest())
sign(folder, datetime.now(UTC))
print(verify(folder))
"""


def test_a_run_is_named_after_the_code_that_began_it_and_says_that_the_code_on_disk_was_changed(tmp_path: Path) -> None:
    for name in ("foundation", "research", "backtests", "requirements.lock"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-c", EDITED_MEANWHILE], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    began = re.search(r"made on \S+ by code (sources-\w+)", done.stdout)
    assert began
    said = rf"The code on disk was changed while .*: it was sources-\w+ at the end, .* named after {began[1]},"
    assert re.search(said, done.stdout)
    assert re.search(said, done.stderr)


def test_a_manifest_that_was_edited_is_no_evidence(run: Path) -> None:
    (run / MANIFEST).write_text((run / MANIFEST).read_text().replace('"draws": 200', '"draws": 2000'))
    with pytest.raises(DataError, match=r"manifest\.json was changed after its run was made"):
        verify(run)


@pytest.mark.parametrize("edit", [('"seconds"', '"note": 1, "seconds"'), ('"draws"', '"more": 1, "draws"')])
def test_no_key_can_be_added_to_a_manifest(run: Path, edit: tuple[str, str]) -> None:
    (run / MANIFEST).write_text((run / MANIFEST).read_text().replace(*edit))
    with pytest.raises(DataError, match=r"manifest\.json (was changed|is no manifest)"):
        verify(run)
