"""Write requirements.lock and requirements-bench.lock from pyproject.toml; `make lock` runs it.

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
    """One `name==version` a line, in order of names."""
    lines = [f"{package}=={version}\n" for package, version in sorted(versions.items())]
    (ROOT / name).write_text(HEADER.format(what) + "".join(lines))
    print(f"{name}: {len(lines)} packages")


def main() -> None:
    """Resolve the workbench with its tests and its build backend, then what the benchmarks need beyond that."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, extras = settings["project"], settings["project"]["optional-dependencies"]
    wanted = [*settings["build-system"]["requires"], *project["dependencies"], *extras["test"]]
    locked = resolve(wanted)
    write("requirements.lock", locked, "its dependencies, its `test` extra and its build backend")
    bench = resolve(extras["bench"], "--constraint", "requirements.lock")
    beyond = {name: version for name, version in bench.items() if name not in locked}
    write("requirements-bench.lock", beyond, "what its `bench` extra needs beyond requirements.lock")


if __name__ == "__main__":
    main()
