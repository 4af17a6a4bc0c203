"""Write requirements.lock, and what extras and torch's CUDA need beyond it, from pyproject.toml; `make lock` runs it.

With --keep, as `make lock KEEP=1` has it, every version that is locked today stays, and only what is missing is added.

pip resolves without installing; of its answer only `name==version` is kept, without local parts such as torch's `+cpu`,
so that the lock installs from any index and on any platform that has the packages. Beside each version stands the
sha256 of every file of it that the configured indexes have and a Python 3.11 may install, and of those that the lock
allowed before: an index of one's own may give another build of a version. Needs nothing but pip.
"""

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pip._internal.commands import create_command
from pip._internal.index.package_finder import LinkType
from pip._internal.models.link import Link
from pip._vendor.packaging.utils import parse_sdist_filename, parse_wheel_filename

ROOT = Path(__file__).parent.parent
KEPT = ROOT / ".cache" / "kept.lock"  # versions that are not to change, for pip
BEYOND = ("bench", "docs")  # extras with a lock of their own
ALONE = "ccxt"  # an extra of one package, whose exact pins contradict ours: the lock has what it imports
CUDA = re.compile(r"nvidia-|cuda-|triton$")  # what torch of the index needs on Linux, and other builds do not
LINUX = '; platform_system == "Linux"'
HEADER = "# Written by `make lock` from pyproject.toml: {}. Do not edit.\n"
LINE = re.compile(r"^([a-z0-9-]+)==(\S+)|--hash=sha256:([0-9a-f]{64})", re.MULTILINE)
MINORS = range(12)  # of Python 3, whose stable interface 3.11 has too

Lock = dict[str, tuple[str, set[str]]]  # version and hashes by canonical name


def resolve(wanted: list[str], fixed: Mapping[str, str]) -> dict[str, str]:
    """Version by canonical name of all that `wanted` needs, as pip would install it into an empty environment.

    fixed : versions that are to be taken where one is needed.
    """
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text("".join(f"{name}=={version}\n" for name, version in fixed.items()))
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--no-input"]
    answer = subprocess.run(
        [*command, "--report", "-", "--constraint", str(KEPT), *wanted], check=True, stdout=subprocess.PIPE, cwd=ROOT
    )
    packages = [package["metadata"] for package in json.loads(answer.stdout)["install"]]
    return {re.sub(r"[-_.]+", "-", p["name"]).lower(): p["version"].partition("+")[0] for p in packages}


class EveryFile:
    """Takes every file of a project for a candidate, where pip takes those of this machine alone."""

    def __init__(self, project_name: str) -> None:
        self.project_name = project_name

    def evaluate_link(self, link: Link) -> tuple[LinkType, str]:
        """What pip asks of a file: its version, or that it is none of Python 3.11."""
        try:
            if not link.is_wheel:
                return LinkType.candidate, str(parse_sdist_filename(link.filename)[1])
            _, version, _, tags = parse_wheel_filename(link.filename)
        except ValueError as error:
            return LinkType.format_unsupported, str(error)
        if any(tag.interpreter in ("cp311", "py311", "py3") or _is_stable(tag.interpreter, tag.abi) for tag in tags):
            return LinkType.candidate, str(version)
        return LinkType.platform_mismatch, "of another Python"


def _is_stable(interpreter: str, abi: str) -> bool:
    return abi == "abi3" and interpreter in {f"cp3{minor}" for minor in MINORS}


def finder_of_all() -> Callable[[str, str], set[str]]:
    """A function that gives sha256 of every file of a version, by the indexes and settings that pip has here."""
    command = create_command("download")
    options, _ = command.parse_args(["pip"])
    finder = command._build_package_finder(options, command._build_session(options))
    finder.make_link_evaluator = EveryFile

    def hashes(name: str, version: str) -> set[str]:
        found = finder.find_all_candidates(name)
        return {_hash_of(one.link) for one in found if str(one.version).partition("+")[0] == version}

    return hashes


def _hash_of(link: Link) -> str:
    """sha256 of a file, as its index states it; a file of this machine is read."""
    if link.hash_name == "sha256":
        return link.hash
    if not link.is_file:
        raise SystemExit(f"the index states no sha256 of {link.filename}: take one that does.")
    return hashlib.sha256(Path(url2pathname(urlsplit(link.url).path)).read_bytes()).hexdigest()


def read(path: Path) -> Lock:
    """What a lock holds now."""
    found: Lock = {}
    for name, version, digest in LINE.findall(path.read_text()) if path.exists() else ():
        if name:
            found[name] = (version, set())
        else:
            found[next(reversed(found))][1].add(digest)
    return found


def write(
    name: str, versions: Mapping[str, str], what: str, hashes: Callable[[str, str], set[str]], only: str = ""
) -> None:
    """`name==version` with its hashes, sorted. only : the platforms of all of them, as a marker."""
    before, lines = read(ROOT / name), list[str]()
    for package, version in sorted(versions.items()):
        allowed = hashes(package, version)
        if package in before and before[package][0] == version:
            allowed |= before[package][1]
        lines.append(
            " \\\n".join([f"{package}=={version}{only}", *(f"    --hash=sha256:{h}" for h in sorted(allowed))])
        )
    (ROOT / name).write_text(HEADER.format(what) + "".join(f"{line}\n" for line in lines))
    print(f"{name}: {len(lines)} packages")


def main() -> None:
    """Resolve the workbench with tests and build backend, then what extras and torch's CUDA need beyond that."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, extras = settings["project"], settings["project"]["optional-dependencies"]
    wanted = [*settings["build-system"]["requires"], *project["dependencies"], *extras["test"]]
    kept = {}
    if "--keep" in sys.argv:
        kept = {n: version for path in ROOT.glob("requirements*.lock") for n, (version, _) in read(path).items()}
    found, hashes = resolve(wanted, kept), finder_of_all()
    locked = {name: version for name, version in found.items() if not CUDA.match(name)}
    write("requirements.lock", locked, "its dependencies, its `test` extra and its build backend", hashes)
    indexed = resolve([f"torch==={locked['torch']}"], kept | locked)  # and no build of one's own, such as +cpu
    cuda = {name: version for name, version in indexed.items() if CUDA.match(name)}
    write(
        "requirements-cuda.lock", cuda, "what torch of the index needs on Linux beyond requirements.lock", hashes, LINUX
    )
    for extra in BEYOND:
        resolved = resolve(extras[extra], kept | locked)
        beyond = {name: version for name, version in resolved.items() if name not in locked}
        write(f"requirements-{extra}.lock", beyond, f"what its `{extra}` extra needs beyond requirements.lock", hashes)
    alone = resolve(["--no-deps", *extras[ALONE]], kept)
    write(f"requirements-{ALONE}.lock", alone, f"its `{ALONE}` extra, without what that requires", hashes)


if __name__ == "__main__":
    main()
