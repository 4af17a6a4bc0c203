"""A progress bar, where someone can see it: on a terminal and in a notebook, unless the user wants none."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm


def bar(*, shown: bool = True, **said: Any) -> "tqdm[Any]":
    """A tqdm bar of what is `said`, hidden where nobody can see it, where it is not `shown`, and by TQDM_DISABLE."""
    from tqdm.auto import tqdm

    silent = not shown or os.environ.get("TQDM_DISABLE", "0") not in ("", "0")
    return tqdm(**said, disable=True if silent else None)  # None: only where it can be seen
