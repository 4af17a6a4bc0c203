"""The folder of the workbench, a clone or installed packages; and whether Python imports these and no others."""

from importlib.util import find_spec
from pathlib import Path

from foundation.errors import ConfigError

PACKAGES = Path(__file__).parents[1]  # the folder of the four packages: a clone, or that of all installed ones
RESOURCES_OF_WHEEL = PACKAGES / "foundation" / "resources"  # of an installed workbench: data, notebooks and schemas
INSTALLED = RESOURCES_OF_WHEEL.is_dir()


class ShadowedError(ImportError, ConfigError):
    """Python imports another package by the name of one of the workbench's."""


def check_packages() -> None:
    """Raise ShadowedError where Python imports what is not of the workbench by the name of one of its packages."""
    for name in ("research", "backtests", "desk"):
        found = find_spec(name)
        file = Path(str(found.origin)) if found is not None and found.origin else None
        own = PACKAGES / name / "__init__.py"
        if file is not None and own.exists() and not file.samefile(own):
            raise ShadowedError(
                f"Python finds {file} by the name of the workbench's package {name!r}, which is {own.parent}. "
                "Rename yours, or start Python in another folder."
            )
