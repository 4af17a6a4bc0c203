"""The wheel has what git tracks of packages and resources and nothing else, and works without a clone."""

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from packaging.metadata import Metadata

ROOT = Path(__file__).parents[1]
PACKAGES = ("foundation", "research", "backtests", "desk")
RESOURCES = ("data/", "notebooks/", "docs/schemas/", "requirements.lock")
IGNORED = (".env", "data/prices/vendor/part.parquet", "data/cache/x", "data/trials/x.json", "data/forecasts/x.json",
           "notebooks/.ipynb_checkpoints/x.ipynb", "research/__pycache__/x.pyc", "reports/run/trades.csv")  # fmt: skip


def run(*command: object, folder: Path, **environment: str) -> str:
    """The output of a command in a folder; its errors where it fails."""
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, capture_output=True, text=True, env=os.environ | environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tracked() -> list[str]:
    """The files of the last commit."""
    return run("git", "ls-tree", "-r", "--name-only", "HEAD", folder=ROOT).splitlines()


def in_wheel(name: str) -> str:
    """The name in the wheel of a tracked file, or "" for one that is not in it."""
    if name.partition("/")[0] in PACKAGES:
        return name
    return f"foundation/resources/{name}" if name.startswith(RESOURCES) else ""


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is published of a clone with files that git ignores."""
    folder = tmp_path_factory.mktemp("published")
    clone = folder / "clone"
    run("git", "clone", "--quiet", "--local", ROOT, clone, folder=folder)
    (clone / ".venv").symlink_to(ROOT / ".venv")
    for name in IGNORED:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text("not to be published")
    assert run("git", "status", "--short", "--untracked-files=all", folder=clone) == ""
    cache = os.environ.get("UV_CACHE_DIR", str(ROOT / ".cache" / "uv"))
    run(".ci/dist", folder / "of_commit", folder=clone, UV_CACHE_DIR=cache)
    run(ROOT / ".venv/bin/uv", "build", "--quiet", "--wheel", "--build-constraints", "requirements-build.lock",
        "--out-dir", folder / "of_folder", folder=clone, UV_CACHE_DIR=cache)  # fmt: skip
    return folder


def names(wheel: Path) -> set[str]:
    """The files of a wheel, but for what says what it is."""
    with zipfile.ZipFile(wheel) as opened:
        return {name for name in opened.namelist() if ".dist-info/" not in name}


def test_the_wheel_has_the_tracked_files_of_packages_and_resources_and_no_ignored_one(dist: Path) -> None:
    wanted = {in_wheel(name) for name in tracked()} - {""}
    for folder in ("of_commit", "of_folder"):
        (wheel,) = (dist / folder).glob("*.whl")
        assert names(wheel) == wanted
    assert {f"{package}/py.typed" for package in PACKAGES} <= wanted


def test_the_source_distribution_has_the_same_and_what_builds_it(dist: Path) -> None:
    (source,) = (dist / "of_commit").glob("*.tar.gz")
    with tarfile.open(source) as opened:
        found = {member.name.partition("/")[2] for member in opened if member.isfile()}
    beside = {"CHANGELOG.md", "CITATION.cff", "LICENSE", "NOTICE", "README.md", "pyproject.toml", ".gitignore"}
    assert found == {name for name in tracked() if in_wheel(name)} | beside | {"PKG-INFO"}


def test_what_the_wheel_says_of_itself_is_valid(dist: Path) -> None:
    (wheel,) = (dist / "of_commit").glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        (name,) = (name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        told = Metadata.from_email(opened.read(name), validate=True)
    assert (told.name, str(told.requires_python)) == ("rebalance-workbench", "<3.14,>=3.11")
    assert told.description_content_type == "text/markdown"
    assert str(told.version) == yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]


@pytest.fixture(scope="module")
def installed(dist: Path) -> Path:
    """The Python of an environment that has the wheel, and the libraries of this one."""
    (wheel,) = (dist / "of_commit").glob("*.whl")
    place = dist / "environment"
    run(ROOT / ".venv/bin/uv", "venv", "--quiet", "--python", sys.executable, place, folder=dist)
    python = place / "bin" / "python"
    run(ROOT / ".venv/bin/uv", "pip", "install", "--quiet", "--no-deps", "--python", python, wheel, folder=dist)
    (libraries,) = (place / "lib").glob("python3.*/site-packages")
    here = next(path for path in sys.path if path.endswith("site-packages"))
    (libraries / "of_the_tests.pth").write_text(f"{here}\n")  # an editable install there is not followed from here
    return python


def test_by_the_wheel_a_price_table_becomes_a_report_and_a_trade_list(installed: Path, tmp_path: Path) -> None:
    prices = (ROOT / "data/multi_asset_daily/prices_total_return.csv").read_text().splitlines()
    kept = [",".join(line.split(",")[i] for i in (0, 1, 6)) for line in prices if re.match("date|20(19|2[0-2])", line)]
    (tmp_path / "prices.csv").write_text("\n".join(kept) + "\n")
    first, second = kept[0].split(",")[1:]

    def rebalance(*words: str) -> str:
        home = {"REBALANCE_DATA": str(tmp_path / "stores"), "REBALANCE_HOME": "", "PYTHONPATH": ""}
        return run(installed.parent / "rebalance", *words, folder=tmp_path, **home)

    rebalance("data", "import", "prices.csv", "--as", "mine", "--adjustment", "total")
    rebalance("new", "my.yaml", f"{first}=60", f"{second}=40", "--nav", "1000000", "--store", "mine")
    assert re.search("^(Use|Keep) ", rebalance("report", "my.yaml"), re.MULTILINE)
    assert "code sources-" in rebalance("--version")
    rebalance("trades", "my.yaml", "--as-of", "2022-12-29", "--accept", "stale", "--out", "orders.csv")
    assert len((tmp_path / "orders.csv").read_text().splitlines()) == 3
    (made,) = (path for path in (tmp_path / "reports").iterdir() if not path.name.startswith("."))
    assert json.loads((made / "manifest.json").read_text())["file"] == str(tmp_path / "my.yaml")
    (resources,) = installed.parents[1].glob("lib/python3.*/site-packages/foundation/resources")
    assert {path.name for path in resources.iterdir()} == {"data", "docs", "notebooks", "requirements.lock"}
    assert not (resources / "data" / "cache").exists()


def test_by_the_wheel_no_policy_is_written_into_a_file_that_comes_with_it(installed: Path, tmp_path: Path) -> None:
    words = (installed.parent / "rebalance", "adopt", "data/portfolios/sixty_forty.yaml")
    plain = os.environ | {"PYTHONPATH": ""}
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, env=plain)
    assert (done.returncode, "comes with the installed workbench, and stays as it is" in done.stderr) == (2, True)


def test_a_rule_that_reads_prices_of_the_wheel_while_it_decides_is_heard(installed: Path, tmp_path: Path) -> None:
    """They lie among the libraries, whose files tell of no day."""
    code = """
        import sys
        from backtests.studies.audits.reading import watched
        from foundation.files import DATA
        prices = DATA / "multi_asset_daily" / "prices_total_return.csv"
        with watched() as heard:
            open(f"{sys.prefix}/pyvenv.cfg").close()
            open(prices).close()
        assert heard == [f"the file {prices}"], heard
    """
    run(installed, "-c", dedent(code), folder=tmp_path, PYTHONPATH="")


def test_a_folder_beside_a_notebook_by_the_name_of_a_package_is_named(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "research").mkdir()
    (tmp_path / "research" / "__init__.py").write_text("")
    done = subprocess.run([installed, "-c", "import backtests"], cwd=tmp_path, capture_output=True, text=True)
    assert f"Python finds {tmp_path / 'research' / '__init__.py'} by the name of the workbench's" in done.stderr


def test_who_uses_the_installed_wheel_is_told_wrong_types(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from research.accounting import Costs\n"
        "from research.market import load_market\n\n"
        "market = load_market('multi_asset_daily')\n"
        "costs: Costs = Costs.bps(len(market.assets), commission=1)\n"
        "wrong: str = market.prices\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--python-executable", installed, "--follow-imports=silent", "mine.py"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert [line for line in done.stdout.splitlines() if "error:" in line and line.startswith("mine.py")] == [
        line for line in done.stdout.splitlines() if line.startswith("mine.py:6: error: Incompatible types")
    ], done.stdout
    assert "mine.py:6: error: Incompatible types" in done.stdout
