"""The state of a training on disk: after an interruption the training resumes from it, and ends with the same bits."""

from pathlib import Path
from typing import Any

from foundation.stored import Stored


class Checkpoint(Stored):
    """One file for one seed of one training. Its name depends on settings, data and the code itself."""

    kind = "checkpoint"
    form = "learning checkpoint, 3"
    fix = "Delete it; the seed then starts from the beginning."

    def __init__(self, folder: str | Path, seed: int, depends_on: Any) -> None:
        """A checkpoint in `folder`, which is created with the first save.

        folder     : folder of the file.
        seed       : seed of the training.
        depends_on : JSON values on which the training depends.
        """
        super().__init__(folder, depends_on, f"seed {seed}")
