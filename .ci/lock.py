"""Write requirements.lock, requirements-bench.lock and requirements-docs.lock from pyproject.toml; `make lock` runs it.

With --keep, as `make lock KEEP=1` has it, every version that is locked today stays, and only what is missing is added.

pip resolves without installing; of its answer only `name==version` is kept, without local parts such as torch's `+cpu`,
so that the lock installs from any index and on any platform that has the packages. Needs nothing but pip.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
KEPT = ROOT / ".cache" / "kept.lock"  # all that is locked before
BEYOND = ("bench", "docs")  # extras with a lock of their own
HEADER = "# Written by `make lock` from pyproject.toml: {}. Do not edit.\n"


def resolve(wanted: list[str], *options: str) -> dict[str, str]:
    """Version by canonical name of all that `wanted` needs, as pip would install it into an empty environment."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--no-input"]
    answer = subprocess.run(
        [*command, "--report", "-", *options, *wanted], check=True, stdout=subprocess.PIPE, cwd=ROOT
    )
    packages = [package["metadata"] for package in json.loads(answer.stdout)["install"]]
    return {re.sub(r"[-_.]+", "-", p["name"]).lower(): p["version"].partition("+")[0] for p in packages}


def write(name: str, versions: dict[str, str], what: str) -> None:
    """One `name==version` a line, sorted."""
    lines = sorted(f"{package}=={version}\n" for package, version in versions.items())
    (ROOT / name).write_text(HEADER.format(what) + "".join(lines))
    print(f"{name}: {len(lines)} packages")


def main() -> None:
    """Resolve the workbench with tests and build backend, then what benchmarks and documentation need beyond that."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, extras = settings["project"], settings["project"]["optional-dependencies"]
    wanted = [*settings["build-system"]["requires"], *project["dependencies"], *extras["test"]]
    kept = []
    if "--keep" in sys.argv:
        KEPT.parent.mkdir(exist_ok=True)
        KEPT.write_text("".join(path.read_text() for path in sorted(ROOT.glob("requirements*.lock"))))
        kept = ["--constraint", str(KEPT)]
    locked = resolve(wanted, *kept)
    write("requirements.lock", locked, "its dependencies, its `test` extra and its build backend")
    for extra in BEYOND:
        found = resolve(extras[extra], "--constraint", "requirements.lock", *kept)
        beyond = {name: version for name, version in found.items() if name not in locked}
        write(f"requirements-{extra}.lock", beyond, f"what its `{extra}` extra needs beyond requirements.lock")


if __name__ == "__main__":
    main()
