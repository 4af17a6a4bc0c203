"""Legitimate tables that resemble what is no price: each must be read, at each door, with the right values."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from price_tables.corpus import Array, Case, dice, sessions, truth_of, walk, wide

Twin = tuple[Mapping[str, Array], int | Mapping[str, int]]  # prices by name, and the digits with which they are written


def _classes(k: int) -> Twin:
    """Two classes of one company: one path, and a small noise between them."""
    a = walk(("class", k), 120, 20.0 * (k + 1))
    noise = dice("class noise", k).normal(0.0, 0.001, 120)
    return {"KORVA": a, "KORVB": np.round(a * (0.99 + 0.002 * k) * (1 + noise), 2)}, 2


def _hedged(k: int) -> Twin:
    """A fund in dollars and its class hedged from a currency that moves."""
    local = dice("hedged", k).normal(0.0004, 0.009, 119)
    rate = dice("hedged rate", k).normal(0.0, 0.004, 119)
    up = [np.round((25 + k) * np.exp(np.append(0.0, np.cumsum(s))), 2) for s in (local + rate, local + 0.00003)]
    return {"QWLD": up[0], "QWLDH": up[1]}, 2


def _stable(k: int) -> Twin:
    """A coin near one, with a noise that reverts, alone or beside a share."""
    digits, rng = 4 + k % 3, dice("stable", k)
    coin = np.round(1.0 + rng.normal(0.0, (1e-4, 3e-4, 1.5e-3)[k % 3], 120), digits)
    if k % 4 == 3:
        other = np.round(1.0 + dice("other coin", k).normal(0.0, 2e-4, 120), digits)
        return {"USDQ": coin, "USDR": other}, digits
    return {"USDQ": coin, "ORRA": walk(("by coin", k), 120)}, {"USDQ": digits, "ORRA": 2}


def _money_fund(k: int) -> Twin:
    """A fund that grows each day by a rate near 5 % a year."""
    start, digits = ((1.0, 6), (1.0, 4), (100.0, 4), (100.0, 2), (10.0, 5))[k % 5]
    fund = np.round(start * np.cumprod(1.0 + 0.0002 + dice("mmf", k).normal(0.0, 2e-6, 120)), digits)
    if k % 3 == 2:
        return {"QMMF": fund}, digits
    return {"QMMF": fund, "ORRA": walk(("by fund", k), 120)}, {"QMMF": digits, "ORRA": 2}


def _rate(k: int) -> Twin:
    """Rates of exchange near one."""
    pairs = {"EURUSD": 1.08, "USDCHF": 0.88, "EURCHF": 0.96, "AUDNZD": 1.09, "EURGBP": 0.86}
    names = [list(pairs)[k % 5], list(pairs)[(k + 1 + k // 5) % 5]][: 1 + (k % 2)]
    levels = {name: walk(("fx", k, name), 120, pairs[name], 0.004, 0.0, 5) for name in names}
    return levels, 5


def _rate_of_four(k: int) -> Twin:
    """Rates of exchange near four, where logarithms of prices are, too."""
    pairs = {"EURPLN": 4.31, "USDPLN": 3.98, "USDSAR": 3.75, "USDILS": 3.70, "GBPPLN": 5.05}
    names = [list(pairs)[(k + j) % 5] for j in range(1 + k % 3)]
    return {name: walk(("four", k, name), 120, pairs[name], 0.0045, 0.0, 4) for name in names}, 4


def _alike(k: int) -> Twin:
    """Columns that are the same."""
    one = walk(("alike", k), 90, 58 + k)
    return {"QIDA": one, "QIDB": one.copy(), **({"TESK": walk(("by alike", k), 90)} if k % 2 else {})}, 2


def _correlated(k: int) -> Twin:
    """Funds of one index, correlated by 0.999 and more."""
    base = dice("index", k).normal(0.0004, 0.01, 119)
    paths = [base + dice("tracking", k, j).normal(0.0, 1.5e-4, 119) for j in range(2 + k % 3)]
    return {
        f"QTW{'ABCD'[j]}": np.round((404 + j) * np.exp(np.append(0, p.cumsum())), 2) for j, p in enumerate(paths)
    }, 2


def _penny(k: int) -> Twin:
    """Prices of fractions of a cent."""
    start, digits = ((0.0123, 4), (0.00042, 6), (0.35, 3), (0.0000081, 9))[k % 4]
    return {"PENN": walk(("penny", k), 90, start, 0.05, 0, digits), "ORRA": walk(("by penny", k), 90)}, {
        "PENN": digits, "ORRA": 2,
    }  # fmt: skip


def _leveraged(k: int) -> Twin:
    """A fund, its double or triple, and its inverse."""
    base, times = dice("lev", k).normal(0.0003, 0.012, 119), 2 + k % 2
    return {
        name: np.round(50 * np.cumprod(np.append(1.0, 1.0 + m * base)), 2)
        for name, m in (("QIDX", 1), (f"QBULL{times}X", times), ("QBEAR", -1))
    }, 2  # fmt: skip


def _bond(k: int) -> Twin:
    """Bonds that hardly move."""
    return {f"QBND{j}": walk(("bond", k, j), 120, 99.5 + j, 0.0003, 0.0001, 3) for j in range(1 + k % 3)}, 3


def _ordered(k: int) -> Twin:
    """Three or four funds of which one is always below and one always above the others, and touches none of them."""
    mid = walk(("ordered", k), 90, 60, 0.006)
    near = np.round(mid * (1 + dice("near", k).normal(0, 0.002, 90)), 2)
    low, high = (np.round(f * np.minimum(mid, near) + s, 2) for f, s in ((0.985, -0.03), (1.0, 1.4 + 0.1 * k)))
    cols = {"QUAA": low, "QUBB": high, "QUCC": mid, "QUDD": near}
    names = [list(cols), ["QUBB", "QUCC", "QUAA"], ["QUCC", "QUBB", "QUAA", "QUDD"]][k % 3]
    return {name: cols[name] for name in names}, 2


def _launched(k: int) -> Twin:
    """Classes launched at one price, of which each costs more than the one before: alike at first, then in order."""
    base = dice("launched", k).normal(0.0004, 0.008, 119)
    fees = (0.0, 0.00001, 0.00003, 0.00006)[: 3 + k % 2]
    names = ("GROSS", "INST", "ADV", "RETAIL")
    paths = [np.round(10 * np.exp(np.append(0, np.cumsum(base - fee))), (2, 3)[k % 2]) for fee in fees]
    made = dict(zip(names, paths, strict=False))
    return {name: made[name] for name in sorted(made, reverse=bool(k % 3))}, (2, 3)[k % 2]


def _constant(k: int) -> Twin:
    """A money fund whose price is 1.00 on each day."""
    name = ("SPAXX", "VMFXX", "Money Market")[k]
    return {"ORRA": walk(("by constant", k), 90), name: np.ones(90)}, 2


WORDS = (
    "OPEN HIGH LOW COST", "LOW OPEN HIGH", "O H L C", "O H L C V", "HIGH LOW ORRA", "MA RSI ORRA", "NOW ALL DAY",
    "USD CASH BOND", "DIV EPS PCT", "OPEN ORRA", "LOW", "WEEK SUM MAX MIN", "BETA ID TR", "V MA C O",
)  # fmt: skip


def _words(k: int) -> Twin:
    """Shares whose symbols are words that also name fields: Opendoor, Lowe's, Realty Income, Mastercard, …"""
    return {name: walk(("word", k, name), 80, 15 + 37 * j, 0.015) for j, name in enumerate(WORDS[k].split())}, 2


def _integers(k: int) -> Twin:
    """Prices without decimals, in yen or won; also as large as volumes are."""
    start = (1850, 72_500, 412_000, 1_058_000)[k % 4]
    return {"N7203": walk(("yen", k), 90, start, 0.014, 0, 0), "N6758": walk(("yen2", k), 90, start / 7, 0.01, 0, 0)}, 0


def _illiquid(k: int) -> Twin:
    """A price that changes on few days."""
    moves = np.where(dice("still", k).random(119) < 0.12, dice("move", k).choice([-0.05, 0.05, 0.10], 119), 0.0)
    still = np.round(12.0 + np.append(0.0, np.cumsum(moves)), 2)
    return {"RARE": still, **({"ORRA": walk(("by rare", k), 120)} if k % 2 else {})}, 2


def _basket(k: int) -> Twin:
    """Two shares and a basket of both, which lies between them."""
    a, b = walk(("basket a", k), 90, 40), walk(("basket b", k), 90, 44 + k)
    share = 0.5 if k % 2 else 0.3
    return {"QUXA": a, "BASKET": np.round(share * a + (1 - share) * b, 2), "QUXB": b}, 2


def _short(k: int) -> Twin:
    """Five rows; by chance one may be above the others on all of them."""
    return {f"{['ORRA', 'TESK', 'VELM', 'BRUN'][j]}": walk(("short", k, j), 5, 40 + 9 * j) for j in range(1 + k % 4)}, 2


def _long(k: int) -> Twin:
    """Ten years."""
    names = ["ORRA", "TESK", "VELM"][: 1 + k % 3]
    return {name: walk(("long", k, name), 2500, 30, 0.011, 0.0003) for name in names}, 2


def _from_one(k: int) -> Twin:
    """NAVs of backtests, normalised to 1 or to 100 at the first row."""
    start, digits = ((1.0, 6), (100.0, 4), (1.0, 12), (1000.0, 2))[k % 4]
    vol = (0.004, 0.012)[k // 4 % 2]
    return {f"strategy_{j}": walk(("nav", k, j), 90, start, vol, 0.0006, digits) for j in range(1 + k % 3)}, digits


def _wild(k: int) -> Twin:
    """Coins and warrants that move by 10 % a day."""
    return {"WILD": walk(("wild", k), 90, 3.0 * 10**k, 0.09, -0.004, 4), "ORRA": walk(("by wild", k), 90)}, 4


def _steady(k: int) -> Twin:
    """Prices that rise by the same amount each day, as accrued ones do: counters but for their level."""
    step, start, digits = ((0.01, 100.0, 2), (0.0002, 1.0, 4), (0.02, 25.0, 2))[k % 3]
    accrued = np.round(start + step * np.arange(90), digits)
    return {"ACCR": accrued, "ORRA": walk(("by accrued", k), 90)}, {"ACCR": digits, "ORRA": 2}


def _lagged(k: int) -> Twin:
    """A fund whose price follows that of another by a day, at a scale of its own."""
    path = walk(("lagged", k), 91, 70, 0.01)
    return {"QETF": path[1:], "QFUND": np.round(path[:-1] * (0.37 + 0.05 * k), 2)}, 2


def _odd_levels(k: int) -> Twin:
    """Prices at levels where others have theirs: an oscillator, a year, a date, a serial day, seconds of 1970."""
    start, vol, digits = (
        (52.0, 0.02, 2), (2024.0, 0.004, 2), (20_240_150.0, 0.001, 0), (45_300.0, 0.005, 0), (19_750.0, 0.006, 2),
        (1.7e9, 0.004, 0), (4.9, 0.006, 2), (0.5, 0.03, 2),
    )[k % 8]  # fmt: skip
    return {"ODDL": walk(("odd", k), 90, start, vol, 0, digits), "ORRA": walk(("by odd", k), 90)}, {
        "ODDL": digits, "ORRA": 2,
    }  # fmt: skip


NAMES = ("KOR/B EUR/USD", "600519 000858", "7203.T BRK-B", "^GSPC DX-Y.NYB", "BTC-USD", "ES=F CL=F", "A", "Fonds Welt")


def _names(k: int) -> Twin:
    """Names with strokes, digits, points, carets and blanks."""
    names = NAMES[k].split() if k < 7 else NAMES[7:]
    return {name: walk(("named", k, name), 60, 90 + 20 * j) for j, name in enumerate(names)}, 2


TWINS: tuple[tuple[str, int, Callable[[int], Twin]], ...] = (
    ("share classes", 10, _classes),
    ("hedged classes", 10, _hedged),
    ("stable coins", 12, _stable),
    ("money funds", 10, _money_fund),
    ("rates of exchange near one", 10, _rate),
    ("rates of exchange near four", 5, _rate_of_four),
    ("identical columns", 6, _alike),
    ("correlated funds", 9, _correlated),
    ("penny stocks", 8, _penny),
    ("leveraged and inverse", 8, _leveraged),
    ("bonds that hardly move", 9, _bond),
    ("funds in a constant order", 12, _ordered),
    ("classes launched at one price", 6, _launched),
    ("a money fund at 1.00", 3, _constant),
    ("symbols that are words", 14, _words),
    ("integers", 8, _integers),
    ("few changes", 8, _illiquid),
    ("baskets", 8, _basket),
    ("five rows", 12, _short),
    ("ten years", 3, _long),
    ("normalised to 1 or 100", 12, _from_one),
    ("wild moves", 5, _wild),
    ("steady accrual", 6, _steady),
    ("a lagging fund", 4, _lagged),
    ("odd levels", 8, _odd_levels),
    ("odd names", 8, _names),
)


def twins() -> Iterator[Case]:
    """The legitimate twins."""
    for kind, count, make in TWINS:
        for k in range(count):
            prices, digits = make(k)
            rows = len(next(iter(prices.values())))
            days = sessions(rows, "2014-02-03" if rows > 250 else "2024-01-02")
            yield Case(kind, f"{kind} {k}", wide(days, prices, digits), truth_of(days, prices), file="twins.csv")
