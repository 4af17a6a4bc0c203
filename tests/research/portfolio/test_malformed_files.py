"""Portfolio files as no desk should write them: each is loaded to finite numbers or refused in a sentence, never else.

The files are drawn at random from fixed seeds: a small valid file whose values, keys and bytes are replaced, dropped,
doubled, renamed and moved. `explore` runs as many as asked with other seeds.
"""

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import new_york
import numpy as np
import pandas as pd
import pytest

from foundation.errors import ConfigError, DataError, PolicyError
from research.market import load_market
from research.orders import trade_list
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.keys import market as market_key
from research.rules import Rule
from research.rules.protocol import UnfittedRule

LONGEST = 1_000  # characters of a message
Tree = dict[str, Any]  # keys and plain values as they are written, mappings as dictionaries

GOOD: Tree = {
    "name": "Three funds",
    "market": {"file": "prices.csv", "quotes": "prices.csv", "volumes": "volumes.csv"},
    "basis": "USD",
    "cash": "1_000.50",
    "target_cash": "0.02",
    "last_trade": "2021-06-30",
    "lines": {
        "SPY": {"asset_class": "equity", "sector": "broad", "target": "0.50", "range": "[0.45, 0.65]", "shares": "100"},
        "AGG": {"asset_class": "bonds", "target": "0.38", "range": "[0.30, 0.45]", "holdings": "7_000", "lot": "10"},
        "GLD": {
            "asset_class": "gold", "target": "0.10", "range": "[0, 1]", "shares": "20", "commission_bps": "2",
            "fractional": "true",
        },
    },
    "costs": {
        "equity": {"commission_bps": "1", "half_spread_bps": "1.5", "per_unit": "0.005", "minimum": "1"},
        "bonds": {"commission_bps": "2", "half_spread_bps": "1", "ticket": "2", "borrow_bps": "50"},
        "gold": {"commission_bps": "2", "half_spread_bps": "1", "impact": "1.0"},
    },
    "impact": {"exponent": "1.5", "volume_window": "21", "volatility_window": "63"},
    "holding": {"financing_bps": "150", "cash_spread_bps": "25", "management_fee_bps": "20"},
    "tax": {"rate": "0.25", "lots": "highest"},
    "limits": {"minimum_trade": "250", "tracking_error": "0.01", "max_days_outside": "0.05", "max_drawdown": "0.2"},
    "execution": {"at": "close", "days": "1", "participation": "0.1", "minimum_trade": "0"},
    "flows": {"every": "quarter", "amount": "5_000", "use": "rebalance"},
    "tracking_penalty": "5",
    "test_start": "2021-01-05",
    "periods_per_year": "252",
    "lag": "1",
    "policies": {
        "band": {"rule": "threshold", "band": "0.03", "to": "{half_width: 0.01}", "schedule": "month"},
        "quarterly": {"rule": "calendar", "schedule": "quarter", "tranches": "3", "offset": "1"},
        "relative": {"rule": "threshold", "kind": "relative", "band": "0.25", "cap": "0.05", "turnover_cap": "0.1"},
        "classes": {"rule": "group_threshold", "by": "asset_class", "band": "0.04", "to": "edge", "lines": "0.02"},
        "risk": {"rule": "tracking_error", "limit": "0.01", "returns": "60", "fraction": "0.5", "cooldown": "3"},
        "region": {"rule": "no_trade_region", "tracking_penalty": "5", "returns": "60", "periods_per_year": "252"},
        "benefit": {"rule": "cost_benefit", "horizon": "0.25", "returns": "60"},
        "parity": {"rule": "calendar", "schedule": "month", "allocation": {"kind": "hrp", "window": "60"}},
        "tuned": {"rule": "tuned", "bands": "[0.01, 0.02]"},
        "learned": {"rule": "learned", "steps": "1000", "seeds": "[1, 2]", "gradient": "{learning_rate: 0.001}"},
    },
    "policy": "band",
}  # fmt: skip

NUMBERS = (
    "0", "-0.0", "-1", "1", "2", "1.5", "5", "25", "100", "1e6", "1e12", "1e15", "1.1e15", "1e16", "1e18", "1e300",
    "1e308", "1e309", "-1e300", "1e-8", "1e-9", "1e-10", "1e-30", "1e-31", "1e-320", "1e-400", "9" * 20, "9" * 309,
    "9" * 4_301, "0x10", "0o7", "1_000", "1__0", "_1", ".5", "5.", "+1", "1,5", "1:30", "2147483648",
    "-9223372036854775809",
)  # fmt: skip
WORDS = (
    ".nan", "nan", "NaN", ".inf", "-.inf", "inf", "-Infinity", "true", "false", "yes", "no", "on", "null", "~", "",
    "''", "' '", "1.5 %", "150%", "5 bp", "USD", "SPY", "month", "day", "edge", "target", "relative", "universal",
    "never", "best_point", "bill", "halt", "reinvest", "units", "open", "sell_only", "2021-06-30", "0001-01-01",
    "9999-12-31", "2021-02-30", "1800-01-01", "2199-12-31", "2021-06-30 12:00:00", "2021-6-3", "=1+1", "<script>",
    "../../x", "a/b", "a\\b", "..", ".hidden", '"a\\nb"', '"\\0"', '"\\e[31mred"', '"\\x7f"', '"\\u202e"', '"\\u200b"',
    '"\\u2028"', '"\\ud800"', "é", "🚀", "' a '", "x" * 80, "x" * 81, "é" * 80, "🚀" * 80, "x" * 5_000, "CON",
    "-", "---", "!x 1",
    "!!python/object:os.system x", "*x", "&x 1", "%YAML", "@x", "`x", "|", ">", "- 1", "a: b: c", "'", '"', "{", "[1",
)  # fmt: skip
CONTAINERS = (
    "[]", "{}", "[1, 2]", "[0.2, 0.3]", "[1]", "[0.1, 0.2, 0.3]", "[.nan, 1]", "[~, 1]", "[[[]]]", "[true, 1]",
    "[1e300, 1e301]", "[-1, 2]", "[a, b]", "[1, 1]", "{a: 1}", "{rule: never}", "{kind: equal}", "{kind: fixed}",
    "{~: 1}", "{'': 1}", "{'': }", "{half_width: 1e300}", "{half_width: }", "{estimate: abdi_ranaldo, window: 0}",
    "{2021-03-31: 50}", "{2021-03-31: 1e300}", "{1: {2: {3: 4}}}", "[" * 40 + "]" * 40, "{a: " * 40 + "1" + "}" * 40,
    "[" + "1, " * 2_000 + "1]", "{? [a] : 1}", "{a: 1, a: 2}",
)  # fmt: skip
FACTORS = (-1.0, 0.5, 2.0, 0.01, 100.0, 1e-6, 1e3, 1e6, 1e9, 1e12, 1e300)
KEYS = ("", "~", "a/b", "..", '"a\\nb"', '"\\e[2J"', "'", "- a", "1", "true", "x" * 200, "Band", "BAND", "é", "spy")


@dataclass(frozen=True, eq=False)
class Desk:
    """A folder with a small market of three assets in files, where portfolio files are written and loaded."""

    folder: Path

    def load(self, content: bytes, trades: bool = True) -> str:
        """What becomes of a file: "loaded", or the sentence that refuses it. Anything else fails the test."""
        path = self.folder / "desk.yaml"
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                portfolio = load_portfolio(path)
            except (ConfigError, DataError) as error:
                return sentence(str(error), "desk.yaml")
            check_portfolio(portfolio)
            if trades:
                check_trades(portfolio)
        return "loaded"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    write_market(folder)
    known: dict[str, Any] = {}

    def once(source: Any, **options: Any) -> Any:
        """The market, read once for each set of files and options that makes one."""
        key = f"{source} {options}"
        if key not in known:
            known[key] = load_market(source, **options)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(market_key, "load_market", once)
        yield Desk(folder)


def write_market(folder: Path) -> None:
    """Three assets on 300 sessions, as prices and volumes in CSV files."""
    rng = np.random.default_rng(1)
    days = new_york.sessions("2020-06-01", "2022-06-01")[:300].rename("date")
    shocks = rng.normal(2e-4, 0.01, (len(days), 3))
    prices = pd.DataFrame(100.0 * np.exp(shocks.cumsum(axis=0)), days, ["SPY", "AGG", "GLD"]).round(4)
    prices.to_csv(folder / "prices.csv")
    (prices * 0.0 + 1e6).to_csv(folder / "volumes.csv")


def sentence(text: str, file: str) -> str:
    """The text itself, if a person can read it: it names the file; each mistake is an asset, and not too long."""
    assert file in text, f"the file is not named: {text!r}"
    for line in text.split("\n"):
        assert len(line) <= LONGEST, f"{len(line)} characters: {line!r}"
        assert line.isprintable(), f"signs that are not printed: {line!r}"
        assert line.rstrip().endswith((".", "?", "…", "...")), f"no sentence: {line!r}"
    return text


def check_portfolio(portfolio: Portfolio) -> None:
    """Every number of a portfolio is finite, but for the units of an asset that states its value."""
    assert np.isfinite(portfolio.shares[~np.isnan(portfolio.shares)]).all()
    numbers = [portfolio.holdings, portfolio.cash, portfolio.nav, portfolio.weights, portfolio.target, portfolio.lower]
    numbers += [portfolio.upper, portfolio.tracking_penalty, portfolio.periods_per_year, portfolio.limits.lots]
    numbers += [portfolio.limits.minimum_trade, portfolio.limits.tracking_error or 0.0, portfolio.market.index]
    costs = (getattr(portfolio.costs, f.name) for f in fields(portfolio.costs))
    numbers += [cost for cost in costs if isinstance(cost, np.ndarray)]
    for number in numbers:
        assert np.isfinite(number).all()
    assert portfolio.nav > 0.0


def check_trades(portfolio: Portfolio) -> None:
    """The trade list of one policy that is a rule is finite, or refused in a sentence."""
    rules = [p for p in portfolio.policies.values() if isinstance(p, Rule) and not isinstance(p, UnfittedRule)]
    if not rules:
        return
    try:
        listed = trade_list(portfolio, rules[int(portfolio.cash) % len(rules)])
    except (ConfigError, DataError, PolicyError) as error:
        sentence(str(error), "")
        return
    facts = [value for value in listed.facts.values() if isinstance(value, float)]
    assert np.isfinite(facts).all(), listed.facts
    for table in (listed.orders, listed.held, listed.would_trade):
        assert np.isfinite(table.drop(columns=["units", "price"]).select_dtypes("number")).all(axis=None)
    assert "nan" not in repr(listed)


# -- drawing files ---------------------------------------------------------------------------------------------------


def mappings(tree: Tree) -> list[Tree]:
    """The mapping itself, and all below it."""
    return [tree, *(below for value in tree.values() if isinstance(value, dict) for below in mappings(value))]


def replaced(rng: random.Random, tree: Tree) -> None:
    """Another value for a key: a nasty one, the value of another key, or a number a few magnitudes away."""
    into = rng.choice([m for m in mappings(tree) if m])
    key = rng.choice(list(into))
    leaves = [value for m in mappings(tree) for value in m.values()]
    old, kinds = into[key], [NUMBERS, NUMBERS, WORDS, CONTAINERS, leaves]
    if isinstance(old, str) and rng.random() < 0.5:
        with suppress(ValueError):
            number = float(old.replace("_", "")) * rng.choice(FACTORS)
            into[key] = repr(int(number) if abs(number) < 1e9 and number.is_integer() else number)
            return
    into[key] = deepcopy(rng.choice(rng.choice(kinds)))


def dropped(rng: random.Random, tree: Tree) -> None:
    into = rng.choice([m for m in mappings(tree) if m])
    del into[rng.choice(list(into))]


def renamed(rng: random.Random, tree: Tree) -> None:
    """A key by another name, its value where it was."""
    into = rng.choice([m for m in mappings(tree) if m])
    old, others = rng.choice(list(into)), [key for m in mappings(tree) for key in m]
    new = rng.choice([rng.choice(KEYS), rng.choice(others), old[1:], old + "s", old.upper()])
    items = [(new if key == old else key, value) for key, value in into.items()]
    into.clear()
    into.update(items)


def moved(rng: random.Random, tree: Tree) -> None:
    """A key with its value into another mapping."""
    into = rng.choice([m for m in mappings(tree) if m])
    key = rng.choice(list(into))
    value = into.pop(key)
    rng.choice(mappings(tree))[key] = value


def doubled(rng: random.Random, tree: Tree) -> None:
    """A key twice: the blank behind the second is not part of it."""
    into = rng.choice([m for m in mappings(tree) if m])
    key = rng.choice(list(into))
    into[key + " "] = deepcopy(into[key])


CHANGES = (replaced, replaced, replaced, replaced, replaced, replaced, dropped, renamed, moved, doubled)


def written(tree: Tree, depth: int = 0) -> str:
    """A tree as block YAML."""
    indent, lines = "  " * depth, []
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            lines += [f"{indent}{key}:", written(value, depth + 1)]
        else:
            lines.append(f"{indent}{key}: {value or ''}")
    return "\n".join(lines)


def mutated(rng: random.Random) -> bytes:
    """A portfolio file with four of the policies, of which one to three values or keys were changed."""
    tree = deepcopy(GOOD) | {"cash": str(1_000 + rng.randrange(10))}
    kept = rng.sample(list(GOOD["policies"]), 4)  # all ten would take most of the time, and most of the changes
    tree |= {"policies": {name: tree["policies"][name] for name in kept}, "policy": kept[0]}
    if rng.random() < 0.5:  # what a valid part hides is seen without it
        for key in rng.sample(["impact", "holding", "tax", "limits", "execution", "flows", "policy"], 3):
            del tree[key]
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        rng.choice(CHANGES)(rng, tree)
    return written(tree).encode("utf-8", "surrogatepass")


def whole(rng: random.Random) -> bytes:
    """A file of which bytes were flipped, cut, doubled or replaced, or which is none."""
    good = written(GOOD).encode()
    place, other = rng.randrange(len(good)), rng.randrange(len(good))
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: good[:place],
        lambda: good[place:],
        lambda: good[:place] + bytes([rng.randrange(256)]) + good[place + 1 :],
        lambda: good[:place] + bytes([good[place] ^ (1 << rng.randrange(8))]) + good[place + 1 :],
        lambda: good[:place] + rng.randbytes(rng.randrange(1, 9)) + good[place:],
        lambda: good[: min(place, other)] + good[max(place, other) :],
        lambda: good.replace(b"\n", rng.choice([b"\r\n", b"\r", b"\n\n", b"\n\t", b" ", b"\n\x00", b"\xc2\x85"])),
        lambda: good.replace(b":", rng.choice([b"", b"::", b" :", b" = "]), rng.randrange(1, 5)),
        lambda: good.decode().encode(rng.choice(["utf-16", "utf-32", "utf-8-sig", "utf-16-le", "cp037"])),
        lambda: rng.randbytes(rng.randrange(2_000)),
        lambda: rng.choice(
            [b"", b"\n", b"---", b"[]", b"{}", b"1", b"null", b"- a\n- b", b"'x'", b"\xef\xbb\xbf", b"#"]
        ),
        lambda: rng.choice([b"[", b"{a: ", b"- ", b"? ", b"a:\n"]) * rng.choice([30, 400, 20_000]),
        lambda: (
            good
            + b"\nx: "
            + rng.choice([b"9", b"x", b"[", b"'", b" ", b"\xf0\x9f\x9a\x80"]) * rng.choice([300, 60_000])
        ),
        lambda: good + b"\n" + good,
        lambda: good + rng.choice([b"\n---\na: 1", b"\n...\n", b"\n%YAML 9.9", b"\n<<: {a: 1}", b"\n\x1b[2J: 1"]),
        lambda: b"\n".join(rng.sample(good.split(b"\n"), len(good.split(b"\n")))),
    )
    return rng.choice(kinds)()


def explore(desk: Desk, draw: Callable[[random.Random], bytes], count: int, seed: int) -> dict[str, int]:
    """How many of so many drawn files were loaded and refused; the first that does neither fails, and is shown."""
    rng, found = random.Random(seed), {"loaded": 0, "refused": 0}
    for k in range(count):
        content = draw(rng)
        try:
            found["loaded" if desk.load(content) == "loaded" else "refused"] += 1
        except Exception as error:
            error.add_note(f"file {k} of seed {seed}:\n{content[:3_000].decode('utf-8', 'replace')}")
            raise
    return found


# -- what must hold --------------------------------------------------------------------------------------------------


def test_the_file_that_the_others_are_made_from_is_valid(desk: Desk) -> None:
    assert desk.load(written(GOOD).encode()) == "loaded"


def test_a_malformed_portfolio_file_is_refused_in_a_sentence(desk: Desk) -> None:
    found = explore(desk, mutated, count=150, seed=1)
    assert found["refused"] > 90
    assert found["loaded"] > 7


def test_what_is_hardly_a_portfolio_file_is_refused_in_a_sentence(desk: Desk) -> None:
    assert explore(desk, whole, count=75, seed=2)["refused"] > 55
