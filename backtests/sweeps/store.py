"""The rows of a sweep from its chunks: of one part, or of all as one file."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from backtests.runs.chunks import WorkPart, chunk_of, read_chunk
from foundation.errors import DataError


def rows_of_part(folder: Path, part: WorkPart) -> pa.Table:
    """The rows of a part. Raises DataError when they are not all there, or were made from something else."""
    table = read_chunk(folder, part)
    if not np.array_equal(table["configuration"].to_numpy(), np.arange(part.first, part.stop)):
        raise DataError(
            f"the chunk {folder / chunk_of(part)} has other rows than its name says. Delete it, and start the command "
            "again."
        )
    return table


def join(folder: Path, parts: Iterable[WorkPart], file: Path) -> None:
    """All chunks as one Parquet file, in the order of the configurations; one chunk is in memory at a time."""
    writer = None
    try:
        for part in parts:
            table = rows_of_part(folder, part)
            writer = writer or pq.ParquetWriter(file, table.schema)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()
