"""Valid names of policies, portfolios, assets, classes, and of files after which runs are named.

Also the name by which a file calls a class that is not one of the workbench.
"""

import unicodedata
from collections.abc import Iterable

from foundation.arguments import refuse
from foundation.printable import has_unseen

LONGEST_NAME, MOST_BYTES = 80, 200  # of a name: files and folders are named after it, and may have 255 bytes
NAME_FIX = (
    f"Give a name of at most {LONGEST_NAME} characters without slashes, backslashes, line breaks and control "
    "characters, that neither begins with a dot or a blank nor ends with a blank."
)
ASSET_FIX = NAME_FIX.replace("slashes, backslashes", "backslashes, slashes at an end")


def name_fault(name: object) -> str:
    """The fault that keeps a value from being a name of a policy, an asset, a class, or a file; "" if there is none.

    Folders and files are named after some of these, and pages, tables and terminals show them.

    >>> [name_fault(name) for name in ("SPY", "BRK.B", "60/40", "../x", "")]
    ['', '', 'has a slash', 'has a slash', 'is empty']
    """
    if not isinstance(name, str):
        return "is not text"
    if name.isascii() and name.isalnum() and len(name) <= LONGEST_NAME:
        return ""
    faults = {
        "is empty": not name.strip(),
        "has a line break or another character that is not printed": has_unseen(name),
        "has a slash": "/" in name,
        "has a backslash": "\\" in name,
        "begins or ends with a blank": name != name.strip(),
        "begins with a dot": name.startswith("."),
        f"has more than {LONGEST_NAME} characters": len(name) > LONGEST_NAME,
    }
    found = next((fault for fault, there in faults.items() if there), "")
    if not found and len(name.encode()) > MOST_BYTES:
        return f"has more than {MOST_BYTES} bytes"
    return found


def asset_fault(name: object) -> str:
    """The fault that keeps a value from being the name of an asset; "" if there is none.

    No file is named after an asset, and markets write BRK/B and EUR/USD: a slash may stand between two parts.

    >>> [asset_fault(name) for name in ("BRK/B", "BTC/USDT", "../x", "a//b")]
    ['', '', 'has a slash', 'has a slash']
    """
    if isinstance(name, str) and all(part.strip(". ") for part in name.split("/")):
        return name_fault(name.replace("/", "-"))
    return name_fault(name)


def same_names(names: Iterable[str]) -> tuple[str, str] | None:
    """The first two names that some file systems take for one, since they differ in case or in composition only.

    >>> same_names(["Band", "never", "band"])
    ('Band', 'band')
    """
    seen: dict[str, str] = {}
    for name in names:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        if folded in seen:
            return seen[folded], name
        seen[folded] = name
    return None


def check_name(subject: str, name: object) -> None:
    """Refuse a value that cannot be a name (`name_fault`). Raises ConfigError."""
    if fault := name_fault(name):
        refuse(subject, name, f"it {fault}. {NAME_FIX}")


def import_path(cls: type) -> str:
    """The name by which a file calls a class of a user's own, such as my_rules:CalmDays."""
    return f"{cls.__module__}:{cls.__qualname__}"
