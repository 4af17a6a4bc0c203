"""Hold the seconds that each file of tests took against those of tests/times.csv.

    python .ci/times.py          # after `make test`: what is over its budget, with exit status 1
    python .ci/times.py --keep   # keep these seconds as the new table

Machines differ, and other work slows them, so a file's budget is a share of the whole: twice the kept one, and 15 s.
"""

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

ROOT = Path(__file__).parents[1]
RESULTS, TABLE = ROOT / ".cache" / "tests.xml", ROOT / "tests" / "times.csv"
TIMES, MORE = 2.0, 15.0  # of a kept share, and seconds besides


def seconds_of(results: Path) -> pd.Series:
    """Seconds by file, the longest first, of the results that pytest wrote as JUnit XML."""
    found: Counter[str] = Counter()
    for case in ElementTree.parse(results).iter("testcase"):
        found[case.attrib["classname"].replace(".", "/")] += float(case.attrib["time"])
    return pd.Series(found, dtype=float).round(1).sort_values(ascending=False, kind="stable")


def too_long(now: pd.Series, kept: pd.Series) -> pd.DataFrame:
    """The files over their budgets, in seconds of a run as long as this one; a new file has `MORE` alone."""
    scale = now.sum() / kept.sum()
    budget = TIMES * scale * kept.reindex(now.index).fillna(0.0) + MORE * scale
    return pd.DataFrame({"seconds": now, "budget": budget.round(1)})[now > budget]


def main(keep: bool) -> int:
    """Keep the table, or print what is over its budget; 1 where something is."""
    now = seconds_of(RESULTS)
    if keep:
        now[now > 0.0].rename_axis("file").rename("seconds").to_csv(TABLE)
        return 0
    kept = pd.read_csv(TABLE, index_col="file")["seconds"]
    over = too_long(now, kept)
    print(f"{now.sum():,.0f} s of tests; kept: {kept.sum():,.0f} s. The longest:\n{now.head(10).to_string()}")
    print("No file is over its budget." if over.empty else f"Over their budgets:\n{over.to_string()}")
    return int(not over.empty)


if __name__ == "__main__":
    sys.exit(main("--keep" in sys.argv))
