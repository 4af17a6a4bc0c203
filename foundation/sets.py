"""The workbench's own packages, the sets of others that it can do without, and the word that installs a missing one.

pyproject.toml has them as extras. An import of a package that is not installed is answered with its set, wherever the
import stands, as an error that every command, page and notebook shows as it shows a wrong setting; so is one of another
package by the name of one of ours.
"""

import sys
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from foundation.errors import ConfigError

CODE_FOLDER = Path(__file__).parents[1]  # of the four packages: a clone, or the folder of all installed ones
RESOURCES_OF_WHEEL = CODE_FOLDER / "foundation" / "resources"  # data, notebooks and schemas of an installed workbench
INSTALLED = RESOURCES_OF_WHEEL.is_dir()
SETS = {  # the modules that the workbench imports, by the set that brings them; of two sets the smaller first
    "peers": ("skfolio", "sklearn", "pypfopt", "riskfolio", "vectorbt", "cvxpy", "scs"),
    "learn": (
        *("torch", "lightgbm", "xgboost", "gymnasium", "stable_baselines3", "lightning", "pytorch_forecasting"),
        *("sklearn", "arch", "statsmodels"),
    ),
    "service": (
        *("fastapi", "starlette", "uvicorn", "sqlalchemy", "alembic", "redis", "prometheus_client", "pymongo", "bson"),
        *("anyio", "h11", "httpx", "argon2", "cryptography", "joserfc", "authlib", "webauthn", "pywebpush", "mcp"),
        *("feedparser", "vaderSentiment"),
    ),
    "cluster": ("distributed", "dask", "cryptography"),
    "notebooks": ("ipywidgets",),
    "ccxt": ("ccxt",),
}


class MissingSetError(ModuleNotFoundError, ConfigError):
    """A package is asked for whose set is not installed."""


class ShadowedError(ImportError, ConfigError):
    """Python imports another package by the name of one of the workbench's."""


def check_packages() -> None:
    """Raise ShadowedError where Python imports what is not of the workbench by the name of one of its packages."""
    for name in ("research", "backtests", "desk"):
        found = find_spec(name)
        file = Path(str(found.origin)) if found is not None and found.origin else None
        own = CODE_FOLDER / name / "__init__.py"
        if file is not None and own.exists() and not file.samefile(own):
            raise ShadowedError(
                f"Python finds {file} by the name of the workbench's package {name!r}, which is {own.parent}. "
                "Rename yours, or start Python in another folder."
            )


def missing(module: str) -> MissingSetError:
    """The error that says which set brings a module, and how to install it."""
    first, *more = (name for name, modules in SETS.items() if module in modules)
    also = f" (and with {' and '.join(more)})" if more else ""
    how = f"`make setup SETS={first}` in the folder of the workbench"
    how += f", or there by `pip install -e '.[{first}]'` into an environment of your own"
    if INSTALLED:
        how = f"`pip install 'rebalance-workbench[{first}]'`, or of its file 'FILE.whl[{first}]', beside the workbench"
    return MissingSetError(
        f"{module} is not installed: it comes with the set '{first}'{also}. Install that by {how}.", name=module
    )


def has_set(name: str) -> bool:
    """True where all modules of a set are installed."""
    return all(find_spec(module) for module in SETS[name])


@cache
def version_of(package: str) -> str:
    """The version of a package, read once. Raises PackageNotFoundError for one that is not installed."""
    from importlib.metadata import version  # a fifth of the start of a command

    return version(package)


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of those packages that are installed, by the names under which an index has them."""
    from importlib.metadata import PackageNotFoundError

    found = {}
    for name in packages:
        try:
            found[name] = version_of(name)
        except PackageNotFoundError:
            continue
    return found


class Finder:
    """The last that Python asks for a module: nobody has found it. Its base in importlib takes 25 ms to import."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Raise MissingSetError for an import of a module of a set; who asks only whether there is one is told no."""
        importing = sys._getframe(2).f_code.co_name == "_find_and_load_unlocked"  # else importlib.util.find_spec
        if importing and any(name in modules for modules in SETS.values()):
            raise missing(name)


def answer_imports() -> None:
    """Answer imports of this process from now on."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.append(Finder())
