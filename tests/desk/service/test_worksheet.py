"""The worksheet: its numbers are those of the list, for the list's own units and for others."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from people import SIXTY_FORTY, SignedIn, stored

from desk.service import worksheet
from desk.service.orders import TradesAsked, listed
from desk.service.problems import Problem
from desk.service.worksheet import KeptSheets, Sheet, numbers
from foundation.errors import ConfigError
from foundation.files import ROOT
from foundation.home import HOME
from research.orders import TradeList
from research.orders.before_after import Figures

DAY = "2022-12-30"
FILE = ROOT / "data" / "portfolios" / "global_multi_asset.yaml"


@pytest.fixture
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(HOME, str(tmp_path))
    monkeypatch.chdir(FILE.parent)
    return numbers(str(FILE), TradesAsked(as_of=DAY, cash_flow=50_000.0))


def test_its_numbers_are_those_of_the_list(text: str) -> None:
    sheet, asked = Sheet.of(text), TradesAsked(as_of=DAY, cash_flow=50_000.0)
    own = listed(str(FILE), asked)
    check_same(sheet, None, own)
    units = dict(
        zip(own.orders["asset"], own.orders["units"] * own.orders["side"].map({"buy": 1, "sell": -1}), strict=True)
    )
    check_same(sheet, units, own)  # the same units typed in
    changed = {asset: each if each < 0.0 else each // 2.0 for asset, each in units.items()}
    check_same(sheet, changed, listed(str(FILE), asked.model_copy(update={"orders": changed, "reason": "half"})))
    assert sheet.with_units({}).after.cost == 0.0
    out = asked.model_copy(update={"sells_only": True, "cash_flow": -50_000.0})
    only_sells = Sheet.of(numbers(str(FILE), out))
    check_same(only_sells, None, listed(str(FILE), out))
    assert "SPY may not be bought" in only_sells.with_units({"SPY": 1.0}).faults[0]


def flat(figures: Figures) -> dict[str, Any]:
    """All numbers but beta, whose benchmark a worksheet does not have."""
    known = {name: value for name, value in asdict(figures).items() if name != "furthest"}
    losses = {f"{name} {horizon}": loss for name in ("var", "cvar") for horizon, loss in known.pop(name).items()}
    return known | losses | {"beta": 0.0}


def check_same(sheet: Sheet, units: dict[str, float] | None, trades: TradeList) -> None:
    got, facts, figures = sheet.with_units(units), trades.facts, trades.before_after.figures
    for moment in ("before", "after"):
        assert flat(getattr(got, moment)) == pytest.approx(flat(figures[moment]), rel=1e-9)
    assert got.turnover == pytest.approx(trades.turnover, rel=1e-9)
    assert (round(got.after.cash, 2), got.faults) == (facts["cash_after"], [])
    rows = trades.orders.set_index("asset")
    assert {each.asset for each in got.lines if each.units} == set(rows.index)
    for each in got.lines:
        if each.units:
            row = rows.loc[each.asset]
            assert abs(each.units) == row["units"]
            assert abs(each.notional) == pytest.approx(row["notional"], rel=1e-9)
            assert each.cost == pytest.approx(row["cost"], rel=1e-9)
            assert (each.weight_before, each.weight_after) == pytest.approx((row["weight_before"], row["weight_after"]))


def test_units_that_cannot_be_ordered_are_told_by_asset_and_limits_in_sentences(text: str) -> None:
    sheet = Sheet.of(text)
    with pytest.raises(Problem) as error:
        sheet.with_units({"SPY": 0.5, "Q<b>": 1.0, "AGG": 10.0})
    told = {each.field: (each.value, each.detail, each.mend[:18]) for each in error.value.mistakes}
    assert told == {
        "/orders/SPY": (0.5, "The order of SPY is 0.5", "Give a multiple of"),
        "/orders/Q<b>": (1.0, "Not an asset of this list", "Leave its order ou"),
    }
    (fault,) = sheet.with_units({"SPY": 100_000.0}).faults
    assert fault.startswith("Cash does not pay the orders to buy SPY: ")


def test_numbers_are_kept_up_to_a_bound_and_read_anew_where_they_are_not(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, kept = list[str](), KeptSheets()

    def make(key: str) -> str:
        made.append(key)
        return text + " " * len(made)  # other numbers

    first = kept.get(("a",), "", lambda: make("first"))
    assert kept.get(("a",), first.id, lambda: make("again")) is first
    assert kept.get(("b",), first.id, lambda: make("of another")) is not first
    monkeypatch.setattr(worksheet, "MOST_BYTES", 2 * len(text))
    kept.get(("a",), "", lambda: make("one more"))
    assert kept.get(("a",), first.id, lambda: make("let go")) is not first
    assert made == ["first", "of another", "one more", "let go"]


def test_the_route_answers_for_the_same_numbers_only(signed_in: SignedIn) -> None:
    client, viewer = signed_in(), signed_in("viewer")
    at, asked = f"/api/portfolios/{stored(client)}/worksheet", {"as_of": DAY}
    entries = client.get("/api/journal").json()
    first: dict[str, Any] = client.post(at, json=asked).json()
    assert {each["asset"]: each["units"] for each in first["lines"]} == {"SPY": -133.0, "AGG": 721.0}
    again = client.post(at, json=asked | {"sheet": first["sheet"], "orders": {"SPY": -133.0, "AGG": 721.0}}).json()
    assert again == first
    assert client.get("/api/journal").json() == entries  # which knows what is changed, and not what is typed
    assert viewer.post(at, json=asked).status_code == 403
    assert signed_in().post(at, json=asked | {"sheet": first["sheet"]}).status_code == 404
    for other in (
        {"sheet": "0" * 32},
        {"sheet": first["sheet"], "cash_flow": 1_000.0},
    ):  # not with the numbers of no flow
        gone = client.post(at, json=asked | other)
        assert (gone.status_code, gone.json()["detail"][:28]) == (409, "Prices, holdings or the port")


def test_a_portfolio_of_several_accounts_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    lines = SIXTY_FORTY.replace(", shares: 3_260", "").replace(", shares: 7_460", "").replace("\ncash: ", "\n# cash: ")
    accounts = (
        "{a: {kind: taxable, cash: 1000, shares: {SPY: 100, AGG: 50}}, b: {kind: sheltered, cash: 0, shares: {SPY: 5}}}"
    )
    Path("two.yaml").write_text(f"{lines}\naccounts: {accounts}\n")
    with pytest.raises(ConfigError, match="has 2 accounts, and a worksheet has the orders of one"):
        numbers("two.yaml", TradesAsked(as_of=DAY))
