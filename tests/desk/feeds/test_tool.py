"""Bars from a real server of tools: the same rows as a source gives, and faults that name the tool and the field."""

import shlex
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from provider_server import Time

from desk.commands.data import fetch_data
from desk.feeds.adapter import FeedError, RateLimits, Wanted
from desk.feeds.adapters import tool
from desk.feeds.adapters.tool import ToolAdapter
from desk.feeds.fetching import Fetcher
from desk.service.portfolios.validation import read_sent
from foundation.errors import ConfigError
from research.market.store import named_store
from research.portfolio.file.document import TRUST
from research.portfolio.keys.market_keys import BarFields, ToolArguments, ToolSource

ROOT = Path(__file__).parents[3]
COMMAND = shlex.join([sys.executable, str(ROOT / "tests" / "tool_server.py")])
FIELDS = {"date": "day", "close": "price", "split": "ratio", "dividend": "paid"}
SOURCE = ToolSource(mcp=COMMAND, tool="get_bars", fields=BarFields(**FIELDS), arguments=ToolArguments(last="until"))
FILE = """
name: From a tool
market:
  source: {mcp: %s, tool: get_bars, fields: {date: day, close: price}, arguments: {last: until}}
  cash: 0.03
basis: USD
cash: 1000
lines:
  SPY: {asset_class: us_equity, target: 1.0, range: [0.9, 1.0], shares: 10}
costs: {us_equity: {commission_bps: 1}}
policies: {never: {rule: never}}
"""


def wanted(symbol: str) -> Wanted:
    return Wanted("SPY", symbol, date(2022, 12, 27), date(2022, 12, 29))


@pytest.fixture(scope="module")
def fetcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fetcher]:
    adapter = ToolAdapter(name=SOURCE.store, source=SOURCE, trusted=True, limits=RateLimits(1, 0.0))
    with Fetcher(adapter, tmp_path_factory.mktemp("store"), Time().clock) as opened:
        yield opened


def test_rows_are_what_the_tool_gives(fetcher: Fetcher) -> None:
    """A split of 2 on the second day, and a dividend of 0.50 on the third."""
    rows = fetcher.rows(wanted("SPY"))
    assert rows["close"].tolist() == [381.40, 188.33, 191.72]
    assert rows["split"].tolist() == [1.0, 2.0, 1.0]
    assert rows["dividend"].tolist() == [0.0, 0.0, 0.5]
    assert set(rows["source"]) == {SOURCE.store}
    assert set(rows["currency"]) == {"USD"}


@pytest.mark.parametrize(
    ("symbol", "kind", "told"),
    [
        ("unknown", "asset", "(mcp://get_bars) answers an error: 'Error executing tool get_bars: no such asset"),
        ("lacking", "asset", "tool get_bars, lacking: row 1 has no field 'price', which `fields: close` names"),
        ("words", "later", "tool get_bars, words: close (price) of 2022-12-28 is 'a hundred', no number"),
        ("undated", "later", "tool get_bars, undated: a date of the answer is '28 December'"),
        ("empty", "later", "tool get_bars, empty: the answer has no one list of rows in its structured output"),
    ],
)
def test_a_fault_names_the_tool_and_the_field(fetcher: Fetcher, symbol: str, kind: str, told: str) -> None:
    with pytest.raises(FeedError) as error:
        fetcher.rows(wanted(symbol))
    assert told in str(error.value)
    assert error.value.kind == kind


def test_an_answer_that_does_not_come_in_time(fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "ANSWER", 0.2)
    (request,) = fetcher.adapter.requests(wanted("slow"), "")
    with pytest.raises(FeedError, match="gave no whole answer") as error:
        fetcher.reply(request)
    assert error.value.kind == "later"


def test_a_command_of_a_file_runs_where_the_file_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBALANCE_DATA", str(tmp_path / "data"))
    file = tmp_path / "mine.yaml"
    file.write_text(FILE % f'"{COMMAND}"')
    with pytest.raises(FeedError, match=rf"is a command that .*\. If you trust the file, set {TRUST}=1"):
        fetch_data(file, clock=Time().clock)
    monkeypatch.setenv(TRUST, "1")
    text, whole = fetch_data(file, clock=Time().clock)
    store = named_store(SOURCE.store)
    assert (whole, store.assets()) == (True, ["SPY"]), text
    assert np.array_equal(store.read(["SPY"]).numbers["close"], [381.40, 188.33, 191.72])


def test_a_server_that_is_not_there_is_refused() -> None:
    source = ToolSource(mcp="http://127.0.0.1:9/mcp", tool="get_bars", fields=BarFields(**FIELDS))
    with pytest.raises(FeedError, match=r"the server of tools 'http://127.0.0.1:9/mcp' cannot be reached"):
        ToolAdapter(name=source.store, source=source).transport()


def test_the_service_takes_no_file_that_names_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for server in ("bars --all", "http://169.254.169.254/mcp"):
        (mistake,) = read_sent(str(tmp_path), FILE % f'"{server}"', is_yaml=True)["mistakes"]
        assert mistake["field"] == "/market/source"
        assert mistake["detail"] == "a server of tools, which is not called here"


def test_a_field_of_no_bar_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(FILE.replace("close: price", "clos: price") % f'"{COMMAND}"')
    with pytest.raises(ConfigError, match=r"market.source.fields.clos: unknown key .* Did you mean 'close'\?"):
        fetch_data(file)


def test_prices_come_encrypted_from_another_machine() -> None:
    source = ToolSource(mcp="http://prices.example/mcp", tool="get_bars", fields=BarFields(**FIELDS))
    with pytest.raises(FeedError, match=r"is not encrypted\. Give an https address"):
        ToolAdapter(name=source.store, source=source).transport()
