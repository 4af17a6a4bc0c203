"""`rebalance allocate FILE` prints targets, and refuses what it does not know in a sentence."""

import subprocess
import sys

from commanded import FILE, rebalance

MANY = FILE.with_name("global_multi_asset.yaml")


def test_targets_are_printed_as_of_a_day() -> None:
    done = rebalance("allocate", FILE, "--as-of", "2020-03-22", "--policy", "threshold")
    assert done.status == 0, done.err
    assert done.out.startswith("What Sixty-forty should hold at the close of 2020-03-20\n")
    assert "held by threshold\n" in done.out
    assert "1/N, minimum variance and risk parity (Ledoit–Wolf) are controls" in done.out


def test_what_moves_the_weights_is_printed_where_it_is_asked_for() -> None:
    asked = ("allocate", MANY, "--as-of", "2020-03-20", "--policy", "hrp_monthly")
    assert "What moves these weights" not in rebalance(*asked).out
    rows = rebalance(*asked, "--sensitivity").out.partition("What moves these weights")[2].splitlines()
    assert rows[2].startswith("one standard error of")
    assert len([row for row in rows[4:9] if row.startswith(("volatility of ", "correlation of "))]) == 5


def test_mistakes_are_sentences() -> None:
    for words, said in {
        ("--policy", "hrp"): "policy 'hrp' is not in",
        ("--as-of", "yesterday?"): "not a date: found 'yesterday?'",
        ("--as-of", "1950-01-01"): "no session on or before 1950-01-01",
    }.items():
        done = rebalance("allocate", FILE, *words)
        assert done.status == 2
        assert done.out == ""
        assert done.err.strip().splitlines()[-1].startswith(said)


def test_no_other_library_of_optimisers_is_imported_for_it() -> None:
    code = (
        f"import sys\nfrom desk.cli import main\nsys.argv = ['rebalance', 'allocate', {str(MANY)!r}]\n"
        "try:\n    main()\nfinally:\n"
        "    print({'cvxpy', 'pypfopt', 'skfolio', 'sklearn', 'scipy.stats', 'scipy.cluster'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
