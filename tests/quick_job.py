"""A program in place of a command, for the tests of the queue: it writes one file into `REBALANCE_HOME`/reports.

    quick_job backtest FILE [name=NAME] [seconds=SECONDS] [status=STATUS]
A file `twice` beside it says that two processes of one name ran at a time.
"""

import fcntl
import os
import sys
import time
from pathlib import Path

from foundation.files import write_whole

if __name__ == "__main__":
    given = dict(word.split("=") for word in sys.argv[1:] if "=" in word)
    reports, name = Path(os.environ["REBALANCE_HOME"]) / "reports", given.get("name", given.get("--policy", "made"))
    write_whole(os.environ["REBALANCE_PROGRESS"], '["sleeping", 1, 4]')
    with open(reports / f".{name}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            (reports / "twice").touch()
        time.sleep(float(given.get("seconds", 0)))
        environment = "".join(f"{key}={value}\n" for key, value in os.environ.items())
        (reports / name).write_text(environment if name == "environment" else f"made of {name}")
    print(f"{os.environ['REBALANCE_HOME']}\n{reports / name}")
    if "status" in given:
        print("it failed", file=sys.stderr)
    sys.exit(int(given.get("status", 0)))
