"""`rebalance allocate FILE` makes a page of targets, and refuses what it does not know in a sentence."""

import json
import subprocess
import sys
from pathlib import Path

from browser import Elements, check_page
from commanded import FILE, rebalance

from backtests.runs.verify import verify
from desk.commands.finished_run import show_text
from desk.commands.replay import replay_run

MANY = FILE.with_name("global_multi_asset.yaml")
EARLY = ("--as-of", "2014-03-20")  # few days are compared, which is fast


def test_a_sentence_of_use_stands_first_and_the_rest_on_the_page(tmp_path: Path) -> None:
    done = rebalance("allocate", FILE, "--policy", "threshold", "--home", tmp_path)
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert " ".join(lines[:2]) == (
        "Hold your strategic target: none of the controls is clearly better; reaching your strategic target would "
        "trade 3.6 % of NAV: `rebalance trades` decides."
    )
    assert "\n\nWeights at the close of 2022-12-29, % of NAV\n" in done.out
    assert lines[-3] == "Computed anew only when an asset is listed or leaves."
    assert len(lines) <= 15
    page = Path(lines[-1])
    html = page.read_text(encoding="utf-8")
    check_page(html, drawn=20)
    elements = Elements(html)
    assert not elements.crossed
    assert not [a for _, a in elements.found if (a.get("href") or "").startswith("http") or "src" in a]
    assert html.index("Hold your strategic target") < html.index("<svg")
    assert "held by threshold<" in html
    numbers = json.loads((page.parent / "allocate.json").read_text(encoding="utf-8"))
    assert numbers["use"] == " ".join(done.out.partition("\n\n")[0].split("\n"))
    assert {row["asset"]: row["target"] for row in numbers["targets"][0]["weights"]} == {
        "SPY": 0.6,
        "AGG": 0.4,
        "cash": 0,
    }
    assert not verify(page.parent).changed
    assert str(page) in show_text(page.parent)


def test_a_run_is_made_again_to_the_byte_and_full_prints_all(tmp_path: Path) -> None:
    done = rebalance("allocate", FILE, *EARLY, "--policy", "threshold", "--full", "--home", tmp_path)
    assert "\n\nWhat Sixty-forty should hold at the close of 2014-03-20\n" in done.out
    assert "Controls: Targets that need no opinion: equal weights (1/N), minimum variance and" in done.out
    assert "What moves these weights" not in done.out
    assert replay_run(Path(done.out.splitlines()[-1]).parent, FILE).same


def test_what_moves_the_weights_is_shown_where_it_is_asked_for(tmp_path: Path) -> None:
    asked = ("allocate", MANY, "--as-of", "2015-03-20", "--policy", "hrp_monthly", "--sensitivity", "--full")
    done = rebalance(*asked, "--home", tmp_path).out
    rows = done.partition("What moves these weights")[2].splitlines()
    assert rows[2].startswith("one standard error of")
    assert len([row for row in rows[4:9] if row.startswith(("volatility of ", "correlation of "))]) == 5
    assert "What moves these weights" in Path(done.splitlines()[-1]).read_text(encoding="utf-8")


def test_mistakes_are_sentences(tmp_path: Path) -> None:
    for words, said in {
        ("--policy", "hrp"): "policy 'hrp' is not in",
        ("--as-of", "yesterday?"): "not a date: found 'yesterday?'",
        ("--as-of", "1950-01-01"): "no session on or before 1950-01-01",
    }.items():
        done = rebalance("allocate", FILE, *words, "--home", tmp_path)
        assert done.status == 2
        assert done.out == ""
        assert done.err.strip().splitlines()[-1].startswith(said)
    assert not list(tmp_path.iterdir())


def test_no_other_library_of_optimisers_is_imported_for_it(tmp_path: Path) -> None:
    words = ["rebalance", "allocate", str(FILE), *EARLY, "--home", str(tmp_path)]
    code = (
        f"import sys\nfrom desk.cli import main\nsys.argv = {words!r}\n"
        "try:\n    main()\nfinally:\n"
        "    print({'cvxpy', 'pypfopt', 'skfolio', 'sklearn', 'scipy.stats', 'scipy.cluster'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
