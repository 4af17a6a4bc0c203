"""`rebalance allocate FILE` prints targets, and refuses what it does not know in a sentence."""

from commanded import FILE, rebalance


def test_targets_are_printed_as_of_a_day() -> None:
    done = rebalance("allocate", FILE, "--as-of", "2020-03-22", "--policy", "threshold")
    assert done.status == 0, done.err
    assert done.out.startswith("What Sixty-forty should hold at the close of 2020-03-20\n")
    assert "held by threshold\n" in done.out
    assert "1/N, minimum variance and risk parity (Ledoit–Wolf) are controls" in done.out


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
