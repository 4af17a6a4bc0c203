"""The project itself: lock, environment, walls between the rooms, and a command line that answers at once."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import Distribution, distributions, requires
from importlib.metadata import packages_distributions as read_packages_distributions
from pathlib import Path

import grimp
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from recipes import CODE

from desk.service.problems import IN_REQUESTS
from foundation.sets import SETS

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FIXED_BY_THE_USER = {
    *("jupyterlab", "vectorbt", "pandas", "numpy", "PyPortfolioOpt", "Riskfolio-Lib", "torch", "pytorch-forecasting"),
    *("papermill", "nbval", "pytest", "skfolio", "stable-baselines3", "gymnasium", "arch"),
}
BY_COMMAND = {"jupyterlab": "/jupyter-lab notebooks", "nbval": "--nbval-lax", "pytest": "/pytest -n"}  # in the Makefile
USERS_CALL = ("desk.cli", "research.learning.learners.reinforcement")  # `rebalance`, and what `train` finds by name
INSTALLERS = {"pip", "setuptools", "wheel"}
USED = ("learn", "notebooks", "service", "peers", "cluster")  # the sets beyond the core that make up `all`
EXTRAS = (*USED, "test", "bench", "docs")  # sets whose locks hold what each adds to the core
ALONE = "ccxt"  # a set of one package that is installed without what it requires
LOCKS = ["requirements.lock", *(f"requirements-{name}.lock" for name in (*EXTRAS, ALONE, "torch", "cuda", "build"))]
TAKE_ANY_PER_CENT = {
    *("research/forecast/views/views.py", "backtests/runs/file_defaults.py"),  # views as a user types
    "docs/forecasts.md",
    "notebooks/black_litterman_views.ipynb",
    "foundation/paper/render.py",  # a page may hold an older text
}


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    """Which module imports which, at its head or within a function, those of other packages too."""
    return grimp.build_graph(*CODE, include_external_packages=True, cache_dir=None)


packages_distributions = cache(read_packages_distributions)


@cache
def nodes() -> Mapping[Path, list[ast.AST]]:
    """All nodes of each file of the code, the tree of its module first."""
    paths = (path for package in CODE for path in (ROOT / package).rglob("*.py"))
    return {path: list(ast.walk(ast.parse(path.read_text(encoding="utf-8")))) for path in paths}


def locked(*sets: str) -> dict[str, str]:
    """Version as written, by canonical name, of the core and of these sets."""
    names = ["requirements.lock", *(f"requirements-{name}.lock" for name in sets)]
    text = "".join((ROOT / name).read_text() for name in names)
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", text, re.MULTILINE))


def direct(*extras: str) -> list[Requirement]:
    """The project's own requirements, with those of the named extras."""
    of_extras = [line for extra in extras for line in PROJECT["optional-dependencies"][extra]]
    return [Requirement(line) for line in [*PROJECT["dependencies"], *of_extras]]


def installed() -> dict[str, Distribution]:
    """What the environment of this test holds, by canonical name."""
    return {canonicalize_name(found.metadata["Name"]): found for found in distributions()}


def needed_here(wanted: Requirement) -> bool:
    """True for a requirement of this Python and system."""
    return wanted.marker is None or wanted.marker.evaluate()


def in_force(found: Mapping[str, Distribution]) -> dict[str, list[Requirement]]:
    """What each installed distribution requires on this platform, with the extras that others ask of it.

    So torch asks for CUDA's libraries: as extras of one package that has none of them by itself.
    """
    extras: dict[str, set[str]] = {name: {""} for name in found}
    while True:
        required = {name: _required(one, extras[name]) for name, one in found.items()}
        wider = {name: set(own) for name, own in extras.items()}
        for wanted in (line for lines in required.values() for line in lines):
            wider.get(canonicalize_name(wanted.name), set()).update(wanted.extras)
        if wider == extras:
            return required
        extras = wider


def _required(distribution: Distribution, extras: set[str]) -> list[Requirement]:
    lines = [Requirement(line) for line in distribution.requires or []]
    return [
        line for line in lines if line.marker is None or any(line.marker.evaluate({"extra": each}) for each in extras)
    ]


@pytest.mark.parametrize("extra", EXTRAS)
def test_locks_satisfy_every_direct_dependency(extra: str) -> None:
    lock = locked(extra, "torch")
    for wanted in direct(extra):
        version = lock.get(canonicalize_name(wanted.name))
        assert version is not None, f"{wanted.name} is not locked: run `make lock KEEP=1`"
        assert wanted.specifier.contains(version), f"{wanted} is locked at {version}: run `make lock`"


def test_locks_have_one_version_of_each_package_and_sets_repeat_none_of_the_core() -> None:
    found: dict[str, set[str]] = {}
    for name in (*EXTRAS, ALONE, "torch", "cuda", "build"):
        for package, version in locked(name).items():
            found.setdefault(package, set()).add(version)
    assert {package: versions for package, versions in found.items() if len(versions) > 1} == {}
    lines = {name: set(re.findall(r"^[a-z].*?(?= \\)", (ROOT / name).read_text(), re.MULTILINE)) for name in LOCKS}
    core = lines.pop("requirements.lock")
    assert {name: own & core for name, own in lines.items() if own & core and "build" not in name} == {}


def test_all_is_every_set_that_a_user_uses() -> None:
    (everything,) = map(Requirement, PROJECT["optional-dependencies"]["all"])
    assert (everything.name, everything.extras) == (PROJECT["name"], set(USED))
    assert set(PROJECT["optional-dependencies"]) == {*EXTRAS, ALONE, "all"}
    told = subprocess.run([ROOT / ".ci" / "setup", "nothing"], capture_output=True, text=True)
    assert (told.returncode, set(re.findall(r"\b[a-z]+\b", told.stderr)) >= {*EXTRAS, ALONE, "all"}) == (1, True)


@pytest.mark.parametrize("name", LOCKS)
def test_lock_names_the_files_of_each_version_by_their_hashes_and_nothing_else(name: str) -> None:
    text = (ROOT / name).read_text()
    head, *lines = text.replace(" \\\n", "").splitlines()
    assert head.startswith("# Written by `make lock`")
    assert "://" not in text, "no lock names a host"
    for line in lines:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; [^\s].*?)?(    --hash=sha256:[0-9a-f]{64})+", line)
    assert len({line.partition("    --hash")[0] for line in lines}) == len(lines)


def test_whatever_is_installed_from_a_lock_is_held_against_its_hashes() -> None:
    lines = [*(ROOT / "Makefile").read_text().splitlines(), *(ROOT / ".ci" / "setup").read_text().splitlines()]
    (project,) = (line for line in lines if "--editable ." in line)
    assert "--no-deps" in project
    apart = (".cache/advisories/", ".cache/twine/")  # environments of tools, in which nothing of the workbench runs
    of_pip = [line for line in lines if "pip install" in line or "pip sync" in line]
    installs = [line for line in of_pip if not any(place in line for place in apart)]
    assert ["--require-hashes" in line for line in installs if line != project] == [True, True]


def test_cudas_libraries_are_locked_for_what_the_indexs_torch_needs_on_linux_alone() -> None:
    others, cuda = locked(*EXTRAS), locked("cuda").keys() - locked().keys()
    assert all(re.match(r"nvidia-|cuda-|triton$", name) for name in cuda)
    assert not any(re.match(r"nvidia-|cuda-|triton$", name) for name in others)
    asked = [Requirement(line) for line in requires("torch") or () if "platform_system" in line]
    assert {canonicalize_name(wanted.name) for wanted in asked} - cuda == set()


def test_notice_names_each_direct_dependency_and_what_is_copyleft_or_says_no_licence() -> None:
    specification = importlib.util.spec_from_file_location("licences", ROOT / ".ci" / "licences.py")
    tool = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(tool)
    said = {each.name: each.licence for each in tool.licences()}
    assert set(said) == set(locked(*EXTRAS, ALONE, "torch", "cuda", "build"))
    assert (said["hypothesis"], said["pandas"], said["cvxopt"]) == ("MPL-2.0", "BSD License", tool.UNKNOWN)
    words = {canonicalize_name(word) for word in re.findall(r"[\w.-]*\w", (ROOT / "NOTICE").read_text())}
    assert {canonicalize_name(wanted.name) for wanted in direct(*USED, "test")} - words == set()
    doubted = {name for name, licence in said.items() if re.search(rf"GPL|MPL|Mozilla|{tool.UNKNOWN}", licence)}
    assert doubted - words == {"peewee"}  # MIT, by its file


def test_lock_names_all_that_the_user_fixed() -> None:
    fixed = {canonicalize_name(name) for name in FIXED_BY_THE_USER}
    assert fixed - set(locked(*USED, "torch", "test")) == set()
    assert fixed - {canonicalize_name(wanted.name) for wanted in direct(*USED, "test")} == set()


@pytest.mark.parametrize("name", sorted(FIXED_BY_THE_USER - set(BY_COMMAND)))
def test_what_the_user_fixed_is_reached_by_what_a_user_calls(name: str, imports: grimp.ImportGraph) -> None:
    wanted = canonicalize_name(name)
    tops = {top for top, of in packages_distributions().items() if wanted in map(canonicalize_name, of)}
    known = [top for top in tops if top in imports.modules]
    chains = (imports.find_shortest_chain(ours, top) for ours in USERS_CALL for top in known)
    assert any(chains), f"nothing that {' or '.join(USERS_CALL)} imports, at once or later, imports {name}"


@pytest.mark.parametrize(("name", "command"), BY_COMMAND.items())
def test_what_the_user_fixed_as_a_tool_is_run_by_a_command(name: str, command: str) -> None:
    assert name in FIXED_BY_THE_USER
    lines = [line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("\t")]
    assert any(command in line for line in lines), f"no command of the Makefile runs {name}"


def test_environment_is_the_locks() -> None:
    found = installed()
    versions = {name: Version(distribution.version).public for name, distribution in found.items()}
    lock = locked(*EXTRAS, ALONE, "torch", "cuda")
    differ = {name: (lock[name], version) for name, version in versions.items() if lock.get(name, version) != version}
    assert differ == {}, "(locked, installed) differ: run `make setup`"
    assert set(found) - {*lock, *INSTALLERS} == {canonicalize_name(PROJECT["name"])}, (
        "installed by hand? Remove .venv and run `make setup`"
    )
    assert {canonicalize_name(wanted.name) for wanted in direct(*USED, "test") if needed_here(wanted)} - set(
        found
    ) == set()


def test_environment_lacks_nothing_that_its_packages_require() -> None:
    found = installed()
    for name, lines in in_force(found).items():
        for wanted in lines if name != ALONE else ():
            needed = found.get(canonicalize_name(wanted.name))
            assert needed is not None, f"{name} requires {wanted}: not installed"
            assert wanted.specifier.contains(needed.version, prereleases=True), f"{name} requires {wanted}"


def test_what_is_installed_without_its_requirements_imports_locked_packages_alone() -> None:
    lock = locked("service", ALONE)
    assert [wanted.name for wanted in direct(ALONE)][-1] == ALONE
    code = f"import sys, {ALONE}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    of = packages_distributions()
    imported = {canonicalize_name(name) for top in printed.split() for name in of.get(top, ())} - INSTALLERS
    assert imported >= {ALONE, "requests", "cryptography"}
    assert imported - lock.keys() == set()


def test_conda_users_get_the_same_python_and_the_same_lock() -> None:
    *conda, pip = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert conda == ["python>=3.11,<3.14", "pip"]
    assert pip == {"pip": [f"-r {name}" for name in LOCKS if not re.search(r"-(test|bench|docs|ccxt|build)\.", name)]}
    assert "pip install --no-deps --editable ." in (ROOT / "environment.yml").read_text()  # `-e .` has no hash
    assert PROJECT["requires-python"] == ">=3.11,<3.14"


def test_whatever_the_code_imports_is_declared() -> None:
    providers, core = packages_distributions(), {canonicalize_name(wanted.name) for wanted in direct()}
    of_set = {name: {canonicalize_name(wanted.name) for wanted in direct(name)} for name in SETS}
    for path, found in nodes().items():
        for node in found:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for top in {name.partition(".")[0] for name in names} - {*CODE} - sys.stdlib_module_names:
                provided_by = {canonicalize_name(name) for name in providers.get(top, [])}
                sets = [name for name, modules in SETS.items() if top in modules]
                assert bool(provided_by & core) != bool(sets), f"{path.relative_to(ROOT)} imports {top}: see SETS"
                assert all(provided_by & of_set[name] for name in sets), f"pyproject.toml lacks {top} in {sets}"


def test_walls_between_the_rooms_hold() -> None:
    linter = Path(sysconfig.get_path("scripts")) / "lint-imports"
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_docstrings_begin_with_a_statement() -> None:
    """Neither with a question nor with a clause without its sentence, such as "What is sold"."""
    clause = re.compile(r"(?:What|Which|Whose|Who|Where|When|How|Why)\b|.*\?$")
    told = {
        f"{path.relative_to(ROOT)}: {first}"
        for path, found in nodes().items()
        for node in found
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if clause.match(first := (ast.get_docstring(node) or "").partition("\n")[0])
    }
    assert told == set()


def test_an_imported_constant_shares_its_name_with_no_other_imported_one() -> None:
    """A fact said in two modules is one constant, which both import; two facts have two names."""
    imported: dict[str, set[str]] = {}
    for node in (node for found in nodes().values() for node in found):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                imported.setdefault(alias.name, set()).add(node.module or "")
    by_name: dict[str, list[str]] = {}
    for path, (tree, *_) in nodes().items():
        assert isinstance(tree, ast.Module)
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        heads = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
        stored = (node for head in heads for node in ast.walk(head) if isinstance(node, ast.Name))
        for name in {node.id for node in stored if isinstance(node.ctx, ast.Store)}:
            if name.isupper() and len(name) > 1 and module in imported.get(name, ()):
                by_name.setdefault(name, []).append(module)
    assert {name: modules for name, modules in by_name.items() if len(modules) > 1} == {}


def test_a_per_cent_has_a_space_before_its_sign() -> None:
    """In code, guide and notebooks: `percent` of foundation.paper.wording writes it. Lengths of CSS have none."""
    sign, length = re.compile("[\\d}]\u202f?%|:[^{}\n]*%}"), re.compile(r"(?:width|height|currentColor)\W*\d+%")
    paths = [*nodes(), *(ROOT / "docs").glob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]
    found = (path for path in paths if sign.search(length.sub("", path.read_text(encoding="utf-8"))))
    assert {path.relative_to(ROOT).as_posix() for path in found} == TAKE_ANY_PER_CENT


def test_no_module_is_loaded_twice() -> None:
    """pytest imports files by their paths, and so may run one again: kernels know the records of one copy alone."""
    ours = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in CODE}
    seen = {value for module in ours.values() for value in vars(module).values() if isinstance(value, type)}
    copies = [one for one in seen if vars(ours.get(one.__module__, one)).get(one.__name__, one) is not one]
    assert copies == [], "pytest ran their modules anew: see pytest_collect_file in conftest.py"


def test_research_asks_no_clock() -> None:
    """A contract forbids sockets and `time`; dates it may reckon with, and not ask for."""
    asks = re.compile(r"\.(?:now|today|utcnow)\(")
    assert [path.name for path in (ROOT / "research").rglob("*.py") if asks.search(path.read_text())] == []


def test_command_line_helps_without_loading_anything_heavy() -> None:
    script = (
        "import sys\n"
        "from desk.cli import main\n"
        "sys.argv = ['rebalance', '--help']\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "print('loaded:', *sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    text, _, loaded = done.stdout.rpartition("loaded:")
    assert {"new", "report", "trades", "research", "runs", "desk", "serve"} <= set(re.findall(r"\w+", text))
    heavy = {"numpy", "pandas", "numba", "torch", "scipy", "matplotlib", "vectorbt", "papermill", "distributed"}
    assert heavy & set(loaded.split()) == set()


def test_command_is_installed_by_its_name() -> None:
    command = Path(sysconfig.get_path("scripts")) / "rebalance"
    done = subprocess.run([command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_requests_word_anew_stands_in_messages_of_commands() -> None:
    """A message that is edited would else reach a caller over HTTP with options of the command line."""
    table = ROOT / "desk" / "service" / "problems.py"
    said = {
        node.value
        for path, found in nodes().items()
        for node in found
        if path != table and isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert [option for option in IN_REQUESTS if not any(option in text for text in said)] == []
