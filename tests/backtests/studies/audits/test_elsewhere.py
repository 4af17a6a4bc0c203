"""Rules that know later days, from the market or from elsewhere, are found; honest ones of every kind are not accused.

One rule reads all tables: it trades before a day on which the first asset falls. Where its table lies is what differs.
Each rule is a module of a user, a real file that is imported.
"""

import importlib
import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.studies.audits.look_ahead import LookAhead, look_ahead
from research.accounting import Costs, Hold, Trade, View
from research.allocation import FixedWeights
from research.market import Market, instruments_table

DAYS, BEFORE = 270, 220  # sessions of the market, and those before its test
SESSIONS = pd.bdate_range("2019-01-01", periods=DAYS)
RETURNS = np.random.default_rng(5).normal(0.0, 0.01, (DAYS, 2))
TABLE = pd.DataFrame(RETURNS, SESSIONS, ["A", "B"])

HEAD = """
import json, os, sqlite3
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
import numpy as np
import pandas as pd
from research.accounting import Hold, Trade, View, Why
from research.allocation import EqualWeights, FixedWeights

HERE = Path(__file__).parent
FIXED = FixedWeights((0.6, 0.4))

def table():
    return pd.read_csv(HERE / "prices.csv", index_col=0, parse_dates=True)

def after(view):
    return view.past.date + pd.offsets.BDay(1)
"""
RULE = """
@dataclass(frozen=True)
class Rule:
    allocation: FixedWeights = FIXED
    def decide(self, view):
        trades = asked(view)
        return Trade.to(view.target, Why("asked")) if trades else Hold(Why("waits"))

def make(market):
    return Rule()
"""


def rules_in(text: str) -> dict[str, str]:
    """The code of each rule by its name, which stands above it as a comment."""
    return dict(re.findall(r"^# (.+)\n((?:(?!# ).*\n)+)", text, re.MULTILINE))


ON_THE_MARKET = rules_in("""
# tomorrow's return
def asked(view):
    market, t = view.past._market, view.past.t
    return market.returns[min(t + 1, len(market.dates) - 1), 0] < 0.0
# tomorrow's price
def asked(view):
    market, t = view.past._market, view.past.t
    return market.prices[min(t + 1, len(market.dates) - 1), 0] < market.prices[t, 0]
# tomorrow's volume
def asked(view):
    market, t = view.past._market, view.past.t
    return market.volumes[min(t + 1, len(market.dates) - 1), 0] < 5e5
# how many days are left
asked = lambda view: len(view.past._market.dates) - view.past.t > 40 and view.past.t % 2 == 0
# mean of the whole sample
asked = lambda view: view.past.returns[-1, 0] < view.past._market.returns[:, 0].mean() - 0.002
# made from the whole market
FALLS = None
asked = lambda view: view.past.t in FALLS
def make(market):
    global FALLS
    FALLS = set((np.flatnonzero(market.returns[:, 0] < 0.0) - 1).tolist())
    return Rule()
# a series shifted back
asked = lambda view: LATER.get(view.past.date, 0.0) < 0.0
def make(market):
    global LATER
    LATER = pd.Series(market.returns[:, 0], market.dates).shift(-1)
    return Rule()
# a centred mean
asked = lambda view: MEAN.get(view.past.date, 0.0) < 0.0
def make(market):
    global MEAN
    MEAN = pd.Series(market.returns[:, 0], market.dates).rolling(5, center=True, min_periods=1).mean()
    return Rule()
# kept in a cache of a module
KEPT = {}
def asked(view):
    market, t = view.past._market, view.past.t
    if t not in KEPT:
        KEPT[t] = market.returns[min(t + 1, len(market.dates) - 1), 0] < 0.0
    return KEPT[t]
""")

ELSEWHERE = rules_in("""
# a frame of the module
TABLE = table()
asked = lambda view: TABLE["A"].reindex([after(view)]).iloc[0] < 0.0
# a global of an imported module
import known
asked = lambda view: known.NEXT.get(view.past.date, 0.0) < 0.0
# a function of an imported module
import known
asked = lambda view: known.tomorrow(view.past.date) < 0.0
# a dictionary by day
NEXT = dict(zip(table().index, table()["A"].tolist()))
asked = lambda view: NEXT.get(after(view), 0.0) < 0.0
# a dictionary by ISO date
NEXT = {f"{day:%Y-%m-%d}": x for day, x in table()["A"].items()}
asked = lambda view: NEXT.get(f"{after(view):%Y-%m-%d}", 0.0) < 0.0
# a list of pairs
ROWS = list(table().itertuples(name=None))
def asked(view):
    k = bisect_left([row[0] for row in ROWS], after(view))
    return k < len(ROWS) and ROWS[k][1] < 0.0
# an arrow table
import pyarrow as pa
ARROW = pa.Table.from_pandas(table().rename_axis("day").reset_index())
def asked(view):
    days = ARROW.column("day").to_pylist()
    k = bisect_left(days, after(view))
    return k < len(days) and ARROW.column("A")[k].as_py() < 0.0
# an open database
BASE = sqlite3.connect(HERE / "prices.db")
def asked(view):
    found = BASE.execute("SELECT A FROM prices WHERE day = ?", (f"{after(view):%Y-%m-%d}",)).fetchone()
    return found is not None and found[0] < 0.0
# a variable of the environment
NEXT = json.loads(os.environ["FALLS"])
asked = lambda view: NEXT.get(f"{after(view):%Y-%m-%d}", False)
# an array
ROWS = np.load(HERE / "rows.npy")
asked = lambda view: ROWS[min(view.past.t + 1, len(ROWS) - 1), 0] < 0.0
# coefficients fitted on the test
WEIGHTS = np.linalg.lstsq(table().to_numpy()[:-1], table()["A"].to_numpy()[1:], rcond=None)[0]
asked = lambda view: view.past.returns[-1] @ WEIGHTS < 0.0
# a band tuned on the test
BAND = max(0.0005, 0.002 + table()["A"].sum() / 50)
@dataclass(frozen=True)
class Rule:
    allocation: FixedWeights = FIXED
    band: float = BAND
    def decide(self, view):
        trades = abs(view.weights - view.target).max() > self.band
        return Trade.to(view.target, Why("band")) if trades else Hold(Why("waits"))
def make(market):
    return Rule()
# today's close at lag 0
asked = lambda view: view.past.returns[-1, 0] < 0.0
# a file that it reads as it decides
def asked(view):
    import pyarrow.parquet as pq
    frame = pq.read_table(HERE / "prices.parquet").to_pandas()
    return frame["A"].reindex([after(view)]).iloc[0] < 0.0
""")

# other places, which nothing in the audit is made for
UNSEEN = rules_in("""
# a deque of records
from collections import deque, namedtuple
Row = namedtuple("Row", "when value")
ROWS = deque(Row(day.date(), x) for day, x in table()["A"].items())
def asked(view):
    day = after(view).date()
    return any(row.when == day and row.value < 0.0 for row in ROWS)
# objects with a day
class Bar:
    def __init__(self, day, value):
        self.day, self.value = day, value
BARS = [Bar(day, x) for day, x in table()["A"].items()]
def asked(view):
    day = after(view)
    return any(bar.day == day and bar.value < 0.0 for bar in BARS)
# a closure
def built():
    values = table()["A"].to_dict()
    def look(day):
        return values.get(day, 0.0)
    return look
look = built()
asked = lambda view: look(after(view)) < 0.0
# a default argument
def asked(view, values=table()["A"]):
    return values.get(after(view), 0.0) < 0.0
# an attribute of a class
class Store:
    values = table()["A"].to_dict()
    @classmethod
    def of(cls, day):
        return cls.values.get(day, 0.0)
asked = lambda view: Store.of(after(view)) < 0.0
# a cached function
@lru_cache(maxsize=None)
def loaded():
    return table()["A"]
@cache
def of(day):
    return loaded().get(day, 0.0)
asked = lambda view: of(after(view)) < 0.0
# loaded when first asked
KEPT = None
def asked(view):
    global KEPT
    if KEPT is None:
        KEPT = np.load(HERE / "rows.npy")
    return KEPT[min(view.past.t + 1, len(KEPT) - 1), 0] < 0.0
# columns of a dictionary
COLUMNS = {"day": [f"{day:%Y%m%d}" for day in table().index], "value": table()["A"].tolist()}
def asked(view):
    day = f"{after(view):%Y%m%d}"
    return day in COLUMNS["day"] and COLUMNS["value"][COLUMNS["day"].index(day)] < 0.0
# whole numbers as days
NEXT = {day.toordinal(): x for day, x in table()["A"].items()}
asked = lambda view: NEXT.get(after(view).toordinal(), 0.0) < 0.0
# a structured array
ROWS = np.array([(day, x) for day, x in table()["A"].items()], dtype=[("day", "M8[D]"), ("value", float)])
def asked(view):
    found = ROWS[ROWS["day"] == np.datetime64(after(view), "D")]
    return len(found) > 0 and found["value"][0] < 0.0
# a tensor
import torch
ROWS = torch.as_tensor(table().to_numpy())
asked = lambda view: bool(ROWS[min(view.past.t + 1, len(ROWS) - 1), 0] < 0.0)
# a text
TEXT = (HERE / "prices.csv").read_text()
def asked(view):
    day = f"{after(view):%Y-%m-%d}"
    lines = [line for line in TEXT.splitlines() if line.startswith(day)]
    return bool(lines) and float(lines[0].split(",")[1]) < 0.0
# lines of a file as it decides
def asked(view):
    day = f"{after(view):%Y-%m-%d}"
    with open(HERE / "prices.csv") as file:
        for line in file:
            if line.startswith(day):
                return float(line.split(",")[1]) < 0.0
    return False
# a database as it decides
def asked(view):
    base = sqlite3.connect(HERE / "prices.db")
    return any(x < 0.0 for (x,) in base.execute("SELECT A FROM prices WHERE day = ?", (f"{after(view):%Y-%m-%d}",)))
# a model of the test's days
from sklearn.neighbors import KNeighborsRegressor
MODEL = KNeighborsRegressor(1).fit(np.arange(len(table()))[:, None], table()["A"])
asked = lambda view: MODEL.predict([[view.past.t + 1]])[0] < 0.0
# a model fitted on the test
from sklearn.ensemble import RandomForestRegressor
MODEL = RandomForestRegressor(5, random_state=0).fit(table().to_numpy()[:-1], table()["A"].to_numpy()[1:])
asked = lambda view: MODEL.predict(view.past.returns[-1:])[0] < 0.0
# words by day
STATES = table()["A"].lt(0.0).map({True: "falls", False: "rises"}).to_dict()
asked = lambda view: STATES.get(after(view)) == "falls"
# a nested document
DOCUMENT = json.loads((HERE / "prices.json").read_text())
asked = lambda view: DOCUMENT["data"]["A"].get(f"{after(view):%Y-%m-%d}", 0.0) < 0.0
# an array of the test's days
ROWS = table()["A"].to_numpy()[220:].tolist()
asked = lambda view: ROWS[min(view.past.t + 1 - 220, len(ROWS) - 1)] < 0.0
# arrays side by side
DATES, VALUES = table().index[100:], table()["A"].to_numpy()[100:]
def asked(view):
    k = DATES.searchsorted(after(view))
    return k < len(DATES) and VALUES[k] < 0.0
# a quotient of prices
LEVELS = (1.0 + table()["A"]).cumprod()
def asked(view):
    day = after(view)
    return day in LEVELS.index and LEVELS.loc[:day].pct_change().iloc[-1] < 0.0
""")

HONEST = rules_in("""
# sklearn Ridge
from sklearn.linear_model import Ridge
def asked(view):
    x = view.past.returns
    return Ridge(1.0).fit(x[:-1], x[1:, 0]).predict(x[-1:])[0] < 0.0
# random forest
from sklearn.ensemble import RandomForestRegressor
def asked(view):
    x = view.past.returns
    if view.past.t % 10:
        return False
    return RandomForestRegressor(5, random_state=0, n_jobs=2).fit(x[:-1], x[1:, 0]).predict(x[-1:])[0] < 0.0
# LightGBM
from lightgbm import LGBMRegressor
def asked(view):
    x = view.past.returns
    if view.past.t % 10:
        return False
    model = LGBMRegressor(n_estimators=5, verbose=-1, n_jobs=1, deterministic=True).fit(x[:-1], x[1:, 0])
    return model.predict(x[-1:])[0] < 0.0
# torch
import torch
def asked(view):
    if view.past.t % 10:
        return False
    x = torch.as_tensor(view.past.returns.copy())
    torch.manual_seed(0)
    net = torch.nn.Linear(2, 1).double()
    optimiser = torch.optim.SGD(net.parameters(), 0.1)
    for _ in range(3):
        optimiser.zero_grad()
        ((net(x[:-1])[:, 0] - x[1:, 0]) ** 2).mean().backward()
        optimiser.step()
    return bool(net(x[-1:])[0, 0] < 0.0)
# hidden Markov states
from hmmlearn.hmm import GaussianHMM
def asked(view):
    if view.past.t % 10:
        return False
    x = view.past.returns[-100:]
    return bool(GaussianHMM(2, n_iter=3, random_state=0).fit(x).predict(x)[-1] == 0)
# momentum
asked = lambda view: view.past.returns[-20:, 0].mean() < 0.0
# a band
BAND = 0.004
asked = lambda view: abs(view.weights - view.target).max() > BAND
# holidays
HOLIDAYS = {f"{day:%Y-%m-%d}": "closed" for day in pd.date_range("2019-01-01", "2021-12-31", freq="29D")}
asked = lambda view: f"{after(view):%Y-%m-%d}" in HOLIDAYS or view.past.date.day == 5
# expiries
EXPIRIES = [day for day in pd.date_range("2019-01-01", "2021-12-31", freq="WOM-3FRI")]
asked = lambda view: (min(day for day in EXPIRIES if day >= view.past.date) - view.past.date).days < 3
# a holiday calendar of pandas
from pandas.tseries.holiday import USFederalHolidayCalendar
CLOSED = USFederalHolidayCalendar().holidays("2019-01-01", "2021-12-31", return_name=True)
asked = lambda view: after(view) in CLOSED.index or view.past.date.day == 7
# a cache of past figures
KEPT = {}
def asked(view):
    KEPT[view.past.date] = view.past.returns[-10:, 0].std()
    return KEPT[view.past.date] > np.mean(list(KEPT.values()))
# a cached function
@lru_cache(maxsize=None)
def mean(values):
    return sum(values) / len(values)
asked = lambda view: mean(tuple(view.past.returns[-5:, 0].tolist())) < 0.0
# a table that it reads up to the day
TABLE = table()
asked = lambda view: TABLE.loc[:view.past.date, "A"].tail(5).mean() < 0.0
# an array that it reads up to the day
ROWS = np.load(HERE / "rows.npy")
asked = lambda view: ROWS[: view.past.t + 1, 0][-5:].mean() < 0.0
# a trailing mean of a whole table
MEAN = table()["A"].rolling(10).mean()
asked = lambda view: MEAN.loc[view.past.date] < 0.0
# fitted before the test
from sklearn.linear_model import Ridge
EARLIER = table().iloc[:200].to_numpy()
MODEL = Ridge(0.1).fit(EARLIER[:-1], EARLIER[1:, 0])
asked = lambda view: MODEL.predict(view.past.returns[-1:])[0] < 0.0
# a database that it reads up to the day
BASE = sqlite3.connect(HERE / "prices.db")
def asked(view):
    day = f"{view.past.date:%Y-%m-%d}"
    rows = BASE.execute("SELECT A FROM prices WHERE day <= ? ORDER BY day DESC LIMIT 5", (day,))
    return sum(x for (x,) in rows.fetchall()) < 0.0
# random weights of a seed
WEIGHTS = np.random.default_rng(3).normal(size=(2, 50))
asked = lambda view: np.tanh(view.past.returns[-1] @ WEIGHTS).sum() < 0.0
# its own path
@dataclass
class Rule:
    allocation: FixedWeights = FIXED
    count: int = 0
    seen: list = field(default_factory=list)
    def decide(self, view):
        self.count += 1
        self.seen.append((view.past.date, view.nav))
        trades = view.nav < max(nav for _, nav in self.seen) * 0.999 and self.count % 3 == 0
        return Trade.to(view.target, Why("path")) if trades else Hold(Why("waits"))
def make(market):
    return Rule()
# a compiled function
from numba import njit
@njit
def last_mean(x):
    return x[-7:].mean()
asked = lambda view: last_mean(np.ascontiguousarray(view.past.returns[:, 0])) < 0.0
# a file that it reads up to the day as it decides
asked = lambda view: table().loc[:view.past.date, "A"].tail(5).mean() < 0.0
# a counter of the module
COUNT = 0
def asked(view):
    global COUNT
    COUNT += 1
    return COUNT % 4 == 0
""")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A user's folder: one table of returns in several kinds of file, and a module that others import."""
    place = tmp_path_factory.mktemp("user")
    TABLE.to_csv(place / "prices.csv")
    TABLE.to_parquet(place / "prices.parquet")
    np.save(place / "rows.npy", RETURNS)
    by_day = TABLE.set_axis(SESSIONS.strftime("%Y-%m-%d"))
    (place / "prices.json").write_text(json.dumps({"source": "a vendor", "data": by_day.to_dict()}))
    with sqlite3.connect(place / "prices.db") as base:
        by_day.rename_axis("day").to_sql("prices", base)
    (place / "known.py").write_text(
        "from pathlib import Path\nimport pandas as pd\n"
        "_A = pd.read_csv(Path(__file__).parent / 'prices.csv', index_col=0, parse_dates=True)['A']\n"
        "NEXT = _A.to_dict()\nNEXT = {a: NEXT[b] for a, b in zip(list(NEXT), list(NEXT)[1:])}\n"
        "def tomorrow(day):\n    return _A[_A.index > day].head(1).sum()\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(place))
        patch.setenv("FALLS", json.dumps((by_day["A"] < 0.0).to_dict()))
        yield place
    for name in [name for name, module in sys.modules.items() if str(place) in str(getattr(module, "__file__", ""))]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def market() -> Market:
    rng = np.random.default_rng(8)
    return Market(
        dates=SESSIONS, assets=("A", "B"), returns=RETURNS, tradable=np.ones((DAYS, 2), dtype=bool),
        cash=np.zeros(DAYS), instruments=instruments_table(("A", "B"), asset_class=["stock", "bond"]),
        prices=50.0 * np.cumprod(1.0 + RETURNS, axis=0), volumes=rng.uniform(1e5, 1e6, (DAYS, 2)), name="simulated",
    )  # fmt: skip


def audited(folder: Path, market: Market, name: str, code: str, lag: int = 1) -> LookAhead:
    module = f"rule_{abs(hash(code))}_" + "".join(letter if letter.isalnum() else "_" for letter in name)
    (folder / f"{module}.py").write_text(HEAD + RULE + code)
    importlib.invalidate_caches()
    make = importlib.import_module(module).make
    return look_ahead(make, market, Costs.bps(2, commission=1), SESSIONS[BEFORE], days=4, lag=lag)


@pytest.mark.parametrize("name", [*ON_THE_MARKET, *ELSEWHERE, *UNSEEN])
def test_a_rule_that_knows_later_days_is_found(folder: Path, market: Market, name: str) -> None:
    found = audited(folder, market, name, (ON_THE_MARKET | ELSEWHERE | UNSEEN)[name], lag=int("lag 0" not in name))
    assert found.result == "failed", found


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_rule_is_not_accused(folder: Path, market: Market, name: str) -> None:
    found = audited(folder, market, name, HONEST[name])
    assert found.result == "passed", found


def test_dates_known_ahead_are_named_and_a_typed_number_is_said_not_to_be_seen(folder: Path, market: Market) -> None:
    said = audited(folder, market, "expiries", HONEST["expiries"]).verdict
    assert re.search(r"Note: the global EXPIRIES of rule_\w+ holds dates past the day: known ahead\?", said)
    assert said.endswith("Not seen: a number that was fitted on later days and typed in, or came as a setting.")


def test_a_table_that_only_this_process_holds_is_found_and_named_and_left_as_it_was(market: Market) -> None:
    later = TABLE["A"].to_dict()
    before = dict(later)

    class Own:
        allocation = FixedWeights((0.6, 0.4))

        def decide(self, view: View) -> Hold | Trade:
            tomorrow = view.past.date + pd.offsets.BDay(1)
            return Trade.to(view.target) if later.get(tomorrow, 0.0) < 0.0 else Hold()

    found = look_ahead(lambda _: Own(), market, Costs.bps(2, commission=1), SESSIONS[BEFORE], days=4, seed=1)
    assert found.result == "failed"
    assert any("the variable later of " in place for place in found.held), found.held
    assert str(later) == str(before)
