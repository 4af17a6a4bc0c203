"""A batch of clients of five models, against a report of each.

    python -m benchmarks.books

Clients differ in what they hold, and five targets make five models, so that five comparisons serve them all. Seconds
are the processor's, of every process; those of separate reports are the mean of five, each by a command of its own,
times the number of clients. The aim is 4 minutes for 200 clients.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import yaml

from benchmarks.batch import FILE, command
from benchmarks.timing import keep, machine, show, versions

CLIENTS = int(os.environ.get("CLIENTS", "200"))
SHARES_OF_EQUITY = (0.4, 0.5, 0.6, 0.7, 0.8)  # of the models
MINUTES = 4.0  # what is to be reached
PRICES = {"SPY": 383.44, "AGG": 97.45}  # by which units are drawn


def clients(folder: Path, count: int) -> list[Path]:
    """Portfolio files of so many clients, of the models in turn: a NAV of 0.1 to 10 million, a drift of 3 points."""
    rng, content = np.random.default_rng(1), yaml.safe_load(FILE.read_text(encoding="utf-8"))
    files = [folder / f"client{k:03}.yaml" for k in range(count)]
    for k, file in enumerate(files):
        equity = SHARES_OF_EQUITY[k % len(SHARES_OF_EQUITY)]
        nav, held = 10.0 ** rng.uniform(5.0, 7.0), equity + rng.normal(0.0, 0.03)
        for asset, target, weight in (("SPY", equity, held), ("AGG", 1.0 - equity, 0.99 - held)):
            about = {"target": round(target, 2), "range": [round(target - 0.05, 2), round(target + 0.05, 2)]}
            content["lines"][asset] |= about | {"shares": int(nav * weight / PRICES[asset])}
        content |= {"name": f"Client {k}", "cash": round(0.01 * nav, 2)}
        file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return files


def main() -> None:
    """Measure, print, and keep."""
    with tempfile.TemporaryDirectory() as folder:
        files = clients(Path(folder), CLIENTS)
        home = Path(folder) / "single"
        single = [command("report", file, "--home", home)[1] for file in files[: len(SHARES_OF_EQUITY)]]
        _, together = command("batch", *files, "--workers", 2, "--home", Path(folder) / "batch")
    apart = CLIENTS * float(np.mean(single))
    print(f"{machine()}; {versions('pandas', 'papermill')}")
    show(
        f"{CLIENTS} clients of {len(SHARES_OF_EQUITY)} models",
        ("", "processor minutes", "ratio"),
        [
            ("a report of each", f"{apart / 60:.1f}", "1"),
            ("a batch", f"{together / 60:.1f}", f"{apart / together:.0f}"),
        ],
        [f"aim {MINUTES:g} processor minutes"],
    )
    keep("books", {"clients": CLIENTS, "apart": apart, "together": together})


if __name__ == "__main__":
    main()
