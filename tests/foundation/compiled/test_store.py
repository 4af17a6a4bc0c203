"""Where compiled code is kept, and that nobody meets code that was made from anything else."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from foundation import private_store
from foundation.compiled import store
from foundation.compiled.store import folders
from foundation.private_store import KEY, SIZE, UNUSED, keep, prune, unsealed

ROOT = Path(store.__file__).parents[2]
CALLEE = "from foundation.compiled import compiled\n\n@compiled\ndef twice(x):\n    return 2.0 * x\n"
CALLER = """
from callee import twice
from foundation.compiled import compiled

@compiled
def run(x):
    return twice(x) + 1.0

def not_compiled(x):
    return x
"""
MAIN = "from caller import run\nfrom callee import twice\n"
MAIN += "print(run(3.0), *(sum(k.stats.cache_misses.values()) for k in (run, twice)))\n"


class Checkout:
    """Modules with two kernels, played in a process of their own."""

    def __init__(self, folder: Path, kept: Path, house: Path = ROOT) -> None:
        self.folder, self.kept, self.house = folder, kept, house
        if not folder.exists():
            folder.mkdir()
            for name, source in (("callee", CALLEE), ("caller", CALLER), ("main", MAIN)):
                (folder / f"{name}.py").write_text(source)

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / f"{name}.py"
        path.write_text(path.read_text().replace(old, new))

    def play(self, **variables: str) -> str:
        """What the caller gave, and how often caller and callee were compiled."""
        path = os.pathsep.join([str(self.house), str(self.folder)])
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(self.kept), "PYTHONPATH": path, **variables}
        environment["PYTHONDONTWRITEBYTECODE"] = "1"  # an edit within a second would not be seen
        command = [sys.executable, str(self.folder / "main.py")]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()

    def code(self) -> list[Path]:
        return sorted(path for path in (self.kept / "kernels").iterdir() if path.name != KEY)


@pytest.fixture(scope="module")
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkout whose kernels were compiled once, and what was kept of them."""
    folder = tmp_path_factory.mktemp("compiled")
    assert Checkout(folder / "checkout", folder / "kept").play() == "7.0 1 1"
    return folder


@pytest.fixture
def checkout(compiled_once: Path, tmp_path: Path) -> Checkout:
    """A copy of that checkout and of what was kept, in another place."""
    shutil.copytree(compiled_once, tmp_path / "moved")
    return Checkout(tmp_path / "moved" / "checkout", tmp_path / "moved" / "kept")


def test_an_edited_callee_in_another_file_compiles_its_callers_too(checkout: Checkout) -> None:
    """numba's own cache, which looks at the caller's file, would give 7 again."""
    checkout.edit("callee", "2.0", "3.0")
    assert checkout.play() == "10.0 1 1"
    checkout.edit("callee", "3.0", "2.0")
    assert checkout.play() == "7.0 0 0"  # both are kept


def test_an_edited_caller_compiles_no_callee(checkout: Checkout) -> None:
    checkout.edit("caller", "+ 1.0", "+ 2.0")
    assert checkout.play() == "8.0 1 0"


def test_a_moved_folder_and_an_edit_that_changes_no_kernel_compile_nothing(checkout: Checkout) -> None:
    checkout.edit("callee", "@compiled", "NEW = 1\n\n\n# said anew\n@compiled")
    checkout.edit("caller", "    return x\n", "    return -x\n")
    assert checkout.play() == "7.0 0 0"


def test_python_without_docstrings_finds_what_is_kept(checkout: Checkout) -> None:
    """Where a docstring was, `python -OO` leaves an empty operation, and numbers constants otherwise."""
    for name, old in (("callee", "    return 2.0"), ("caller", "    return twice")):
        checkout.edit(name, old, f'    """A docstring."""\n    if x > 9.0:\n        return\n{old}')
    assert checkout.play() == "7.0 1 1"
    assert checkout.play(PYTHONOPTIMIZE="2") == "7.0 0 0"


ON_DEMAND = "import on_demand\n\n@on_demand\ndef twice(x: float) -> float"


def test_a_clock_behind_the_files_compiles_nothing_anew(tmp_path: Path) -> None:
    """What calls a kernel on demand is made from the text of modules of ours, too."""
    house, tomorrow = tmp_path / "house", time.time() + 86_400.0
    shutil.copytree(ROOT / "foundation", house / "foundation", ignore=shutil.ignore_patterns("__pycache__"))
    for path in house.rglob("*.py"):
        os.utime(path, (tomorrow, tomorrow))
    made = Checkout(tmp_path / "checkout", tmp_path / "kept", house)
    made.edit("callee", "import compiled\n\n@compiled\ndef twice(x)", ON_DEMAND)
    made.edit("main", ", twice)", ",)")
    assert [made.play() for _ in range(2)] == ["7.0 1", "7.0 0"]


def test_code_that_cannot_be_read_or_was_changed_is_compiled_again(checkout: Checkout) -> None:
    """Such as what a disk lost in a power cut, and a pickle that would run, in place of the code."""
    cut, changed = checkout.code()
    cut.write_bytes(cut.read_bytes()[:-100])
    changed.write_bytes(changed.read_bytes()[:SIZE] + b"cos\nabort\n(tR.")
    assert checkout.play() == "7.0 1 1"


KILLED = """
import os, signal
from pathlib import Path
write = Path.write_bytes
def killed(path, code):
    write(path, code[: len(code) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
Path.write_bytes = killed
"""

DIES = """
import os, signal
from numba.core import event
class Killed(event.Listener):
    def on_start(self, begun):
        os.kill(os.getpid(), signal.SIGKILL)
    def on_end(self, ended):
        pass
event.register("numba:run_pass", Killed())
"""


def test_processes_that_are_killed_leave_nothing_that_looks_whole_and_keep_nobody_waiting(tmp_path: Path) -> None:
    """One as it compiles, and one as it writes."""
    made = Checkout(tmp_path / "checkout", tmp_path / "kept")
    for killed in (DIES, KILLED):
        (made.folder / "main.py").write_text(killed + MAIN)
        with pytest.raises(subprocess.CalledProcessError) as stopped:
            made.play()
        assert stopped.value.returncode == -signal.SIGKILL
        assert ".lock" in {path.suffix for path in made.code()}
        assert all(path.name.startswith(".") for path in made.code())
    (made.folder / "main.py").write_text(MAIN)
    assert made.play() == "7.0 1 1"
    assert sum(not path.name.startswith(".") for path in made.code()) == 2
    assert ".lock" not in {path.suffix for path in made.code()}


def test_of_processes_that_need_a_kernel_at_once_one_compiles_it(tmp_path: Path) -> None:
    """The others wait for its code."""
    made = Checkout(tmp_path / "checkout", tmp_path / "kept")
    path = os.pathsep.join([str(ROOT), str(made.folder)])
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(made.kept), "PYTHONPATH": path}
    (made.folder / "main.py").write_text(MAIN.replace("from callee", "input()\nfrom callee"))  # both begin together
    command = [sys.executable, str(made.folder / "main.py")]
    both = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for one in both:
        one.stdin.write("\n")
        one.stdin.flush()
    assert sorted(one.communicate()[0].strip() for one in both) == ["7.0 0 0", "7.0 1 1"]
    assert len(made.code()) == 2  # and no lock is left


# -- the folders -----------------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout at `tmp_path / "checkout"`, and the home of a user who has set nothing."""
    monkeypatch.setattr(private_store, "ROOT", tmp_path / "checkout")
    monkeypatch.setattr(private_store, "CACHE", tmp_path / "checkout" / "data" / "cache")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return tmp_path / "home"


USERS = Path("rebalance-workbench") / "kernels"


@pytest.mark.parametrize("stated", ["", "relative/cache", "checkout/.cache"])
def test_code_is_kept_once_for_a_user_where_all_checkouts_find_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, stated: str
) -> None:
    """A cache directory in the checkout, which make states, is that of one checkout alone."""
    path = str(home.parent / stated) if stated.startswith("checkout") else stated
    monkeypatch.setenv("XDG_CACHE_HOME", path)
    shipped = home.parent / "checkout" / "data" / "cache" / "kernels"
    assert folders() == ([home / ".cache" / USERS], [shipped])


def test_code_is_kept_where_the_user_states_a_cache_directory(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home.parent / "stated"))
    assert folders()[0] == [home.parent / "stated" / USERS]


def test_code_is_kept_in_the_checkout_where_there_is_no_home_to_write_to(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home.parent / "file").write_text("no folder can be made below it")
    monkeypatch.setenv("HOME", str(home.parent / "file"))
    assert folders() == ([home.parent / "checkout" / "data" / "cache" / "kernels"], [])


def test_a_folder_that_the_user_chose_is_the_only_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(home / "chosen"))
    assert folders() == ([home / "chosen" / "kernels"], [])


def test_where_a_folder_cannot_be_written_to_the_others_are(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file where the folder should be")
    keep([tmp_path / "file", tmp_path / "folder"], "kernel", b"code")
    assert (tmp_path / "folder" / "kernel").read_bytes().endswith(b"code")
    keep([tmp_path / "file"], "kernel", b"code")  # nothing is kept, and nothing fails


def test_code_that_was_not_used_for_weeks_is_deleted(tmp_path: Path) -> None:
    before = time.time() - UNUSED - 60.0
    for name in ("new", "old", "used", ".old.draft"):
        keep([tmp_path], name, b"code")
    (tmp_path / "0123456789abcdef").mkdir()  # a cache of another layout
    for name in ("old", "used", ".old.draft", "0123456789abcdef"):
        os.utime(tmp_path / name, (before, before))
    keep([tmp_path], "used", b"code")
    prune([tmp_path, tmp_path / "missing"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [KEY, "new", "used"]


def test_of_too_much_code_the_longest_unused_is_deleted(tmp_path: Path) -> None:
    for age, name in enumerate(("newest", "older", "oldest")):
        keep([tmp_path], name, b"code")
        os.utime(tmp_path / name, (time.time() - age * 3600.0,) * 2)
    prune([tmp_path], most=2 * (SIZE + 4))
    assert sorted(path.name for path in tmp_path.iterdir()) == [KEY, "newest", "older"]


# -- code that others may have changed -------------------------------------------------------------------------------


def test_every_flipped_bit_makes_code_that_is_not_read(tmp_path: Path) -> None:
    keep([tmp_path], "kernel", b"machine code")
    kept = (tmp_path / "kernel").read_bytes()
    assert unsealed(kept, tmp_path, "kernel") == b"machine code"
    for bit in range(8 * len(kept)):
        flipped = bytearray(kept)
        flipped[bit // 8] ^= 1 << bit % 8
        assert unsealed(bytes(flipped), tmp_path, "kernel") is None
    assert unsealed(kept, tmp_path, "another") is None
    (tmp_path / "kernel").write_bytes(kept[:-1])
    keep([tmp_path], "kernel", b"machine code")
    assert (tmp_path / "kernel").read_bytes() == kept


@pytest.mark.parametrize(("where", "mode"), [(".", 0o770), (".", 0o707), (KEY, 0o640), (KEY, 0o604)])
def test_code_is_not_read_where_others_may_write_or_know_the_key(where: str, mode: int, tmp_path: Path) -> None:
    keep([tmp_path], "kernel", b"code")
    (tmp_path / where).chmod(mode)
    assert unsealed((tmp_path / "kernel").read_bytes(), tmp_path, "kernel") is None
    keep([tmp_path], "kernel", b"anew")
    assert unsealed((tmp_path / "kernel").read_bytes(), tmp_path, "kernel") is not None


def test_code_of_another_folder_is_not_read(tmp_path: Path) -> None:
    keep([tmp_path / "one", tmp_path / "two"], "kernel", b"code")
    assert unsealed((tmp_path / "one" / "kernel").read_bytes(), tmp_path / "two", "kernel") is None
