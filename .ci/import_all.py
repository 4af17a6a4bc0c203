"""Import every module of the packages, with whatever sets are installed, and count those that wait for a set.

python .ci/import_all.py
"""

import pkgutil
from collections import Counter
from importlib import import_module

from foundation.sets import SETS, MissingSetError

STARTED = ("__main__", "migrations")  # which run where they are imported
WAIT = (  # for their sets; every other module is of the core
    *("desk.service.", "research.learning.", "research.forecast.neural."),
    *("research.allocation.peers", "research.allocation.as_estimator", "backtests.sheets.notebook.explore"),
)


def main() -> None:
    """Print what was imported; an import fails here where its module is of the core, or for any other reason."""
    waiting: Counter[str] = Counter()
    number = 0
    for package in ("foundation", "research", "backtests", "desk"):
        for module in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
            if any(part in STARTED for part in module.name.split(".")):
                continue
            number += 1
            try:
                import_module(module.name)
            except MissingSetError as error:
                if not module.name.startswith(WAIT):
                    raise
                waiting[next(name for name, modules in SETS.items() if error.name in modules)] += 1
    told = ", ".join(f"{count} for {name}" for name, count in waiting.most_common())
    print(f"{number - waiting.total():,} modules imported; {told or 'none'} wait for a set.")


if __name__ == "__main__":
    main()
