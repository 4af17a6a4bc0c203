"""A split of what is held causes no order, whether the venue shows it at once or late; if never, a person is asked."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from commanded import rebalance
from watched import DAYS, ON_PAPER, banded, from_store, rewrite, steady, with_book

from desk.commands.cycle.cycle import make_cycle
from desk.commands.orders.book_text import book_text
from desk.exchange.paper import PaperVenue
from foundation.errors import ConfigError
from research.portfolio import load_portfolio
from research.portfolio.holdings.book_file import read_book
from research.portfolio.holdings.splits_since import DOUBTFUL

OPENED, TRADED, SPLIT = -20, -19, -15  # rows: the book is opened, and its first list is filled
pytestmark = pytest.mark.usefixtures("home")


def desk(folder: Path, by: float = 2.0, row: int = SPLIT) -> tuple[Path, list[str]]:
    """A desk on paper, half in A and half in B; A is split before a row, and its prices stand still."""
    file = steady(folder, {**banded(0.02), "cycle": ON_PAPER})
    days = list(pd.read_csv(folder / "prices.csv")["date"])
    split, close = np.ones(DAYS), np.full(DAYS, 100.0)
    split[row], close[row:] = by, 100.0 / by
    rows = [pd.DataFrame({"asset_id": "A", "session": days, "close": close, "split": split})]
    rows += [pd.DataFrame({"asset_id": "B", "session": days, "close": 50.0, "split": 1.0})]
    return with_book(from_store(file, "split", rows), days[OPENED]), days


def units(file: Path) -> dict[str, float]:
    portfolio = load_portfolio(file)
    return dict(zip(portfolio.market.assets, portfolio.shares.tolist(), strict=True))


@pytest.mark.parametrize("by", [2.0, 4.0, 0.5])
def test_a_split_that_reaches_the_venue_causes_no_order(tmp_path: Path, by: float) -> None:
    """The first list brings 60 of A at 100 to 50, which are 50 x `by` after the split."""
    file, days = desk(tmp_path, by)
    first = make_cycle(file, days[OPENED])
    assert first.status == "executed", first.text
    held = {name: float(count) for name, count in read_book("steady").holders[0].units.items()}
    nav = load_portfolio(file, as_of=days[SPLIT - 1]).nav
    for row in range(SPLIT - 1, SPLIT + 6):
        ran = make_cycle(file, days[row])
        assert (ran.status, ran.asks, ran.cycle.decision.actions) == ("finalised", False, ()), ran.text
    assert units(file) == {"A": held["A"] * by, "B": held["B"]}
    assert load_portfolio(file).nav == pytest.approx(nav)
    assert [each.name for each in read_book("steady").splits] == [f"split-A-{days[SPLIT]}"]


@pytest.mark.parametrize("by", [2.0, 0.1, 0.333333])
def test_book_and_paper_agree_over_a_split_on_the_day_on_which_a_list_is_filled(tmp_path: Path, by: float) -> None:
    """The list to sell 10 of 60 was sized before it; of 6 that are left of them, ten cannot be sold."""
    file, days = desk(tmp_path, by, row=TRADED)
    make_cycle(file, days[OPENED])
    for row in range(TRADED, TRADED + 6):
        ran = make_cycle(file, days[row])
        assert (ran.status in ("executed", "finalised"), ran.asks) == (True, False), ran.text
        assert "Book steady and paper agree." in ran.text
    portfolio = load_portfolio(file)
    worth = sum(units(file)[name] * price for name, price in (("A", 100 / by), ("B", 50)))
    assert portfolio.nav == pytest.approx(worth + portfolio.cash)
    assert 0.0 < 10_000.0 - portfolio.nav < 5.0  # of costs


def test_no_list_is_made_of_a_day_before_a_booked_split(tmp_path: Path) -> None:
    file, days = desk(tmp_path)
    for row in (OPENED, SPLIT):
        make_cycle(file, days[row])
    refused = rebalance("trades", file, "--as-of", days[SPLIT - 1])
    assert refused.status == 2
    assert f"split-A-{days[SPLIT]} is booked: it does not say what was held on {days[SPLIT - 1]}" in refused.said


def test_fills_from_before_a_split_are_held_against_the_prices_and_quantities_of_their_day(tmp_path: Path) -> None:
    """Ten of A are sold at 100 by hand before the split, of which the book learns after it: (50 - 10) x 2 are left."""
    file, days = desk(tmp_path)
    for row in (OPENED, SPLIT):
        make_cycle(file, days[row])
    before = read_book("steady").holders[0].units["A"]
    fills = tmp_path / "late.csv"
    header = "fill_id,moment,asset,side,quantity,price,currency\n"
    fills.write_text(f"{header}late,{days[SPLIT - 1]}T15:00:00Z,A,sell,10,100,USD\n")
    assert rebalance("desk", "book", "fill", "steady", fills).status == 1
    done = rebalance("desk", "book", "settle", "steady")
    assert done.status == 0, done.said
    assert read_book("steady").holders[0].units["A"] == before - 20
    assert f"late: sell 10 A at 100 USD on {days[SPLIT - 1]}, of no order" in done.out


def test_an_asset_rests_until_the_venue_shows_its_split_and_then_a_person_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, days = desk(tmp_path)
    make_cycle(file, days[OPENED])
    monkeypatch.setattr(PaperVenue, "take_events", lambda *_: None)
    for row in range(SPLIT, SPLIT + 3):
        ran = make_cycle(file, days[row])
        assert (ran.status, ran.asks, ran.cycle.decision.actions) == ("finalised", False, ())
        assert f"paper does not show split-A-{days[SPLIT]} yet: A is not traded." in " ".join(ran.text.split())
    late = make_cycle(file, days[SPLIT + 3])
    said = " ".join(late.text.split())
    assert (late.asks, late.cycle.decision.is_stopped) == (True, True)
    assert f"rebalance desk book settle steady split-A-{days[SPLIT]}" in said
    assert "by the market's data it has 2 units for one" in said


def test_a_list_and_its_page_count_a_split_that_is_not_booked_and_say_so(tmp_path: Path) -> None:
    file, days = desk(tmp_path)
    make_cycle(file, days[OPENED])
    listed = rebalance("trades", file, "--accept", "stale")
    assert listed.status == 0, listed.err
    said = " ".join((listed.out + listed.err).split())
    assert f"A was split on {days[SPLIT]} by the market's data, 2 units for one" in said
    assert f"rebalance desk book settle steady split-A-{days[SPLIT]}" in said
    assert "No trade" in said or "no order" in said.lower()
    assert f"split-A-{days[SPLIT]}: 2 units of A for each one held before" in book_text("steady")
    booked = rebalance("desk", "book", "settle", "steady", f"split-A-{days[SPLIT]}")
    assert booked.status == 0
    assert "was split on" not in rebalance("trades", file, "--accept", "stale").out


# -- units in the file -------------------------------------------------------------------------------------------------


def in_file(folder: Path, row: int | None = None) -> Path:
    """A file of 50 of A, with a lot, and 100 of B; A is split two for one.  row : day on which they were held."""
    file, days = desk(folder)
    content = yaml.safe_load(file.read_text())
    del content["positions"]
    shares = {"A": 50, "B": 100}
    content["lines"] = {name: line | {"shares": shares[name]} for name, line in content["lines"].items()}
    content["lines"]["A"]["tax_lots"] = [{"date": "2021-03-01", "units": 50, "price": 80}]
    content |= {"cash": 0, "tax": {"rate": 0.2}} | ({"held_on": days[row]} if row else {})
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


def day(folder: Path, row: int) -> str:
    return str(pd.read_csv(folder / "prices.csv")["date"].iloc[row])


def test_units_of_a_stated_day_are_counted_after_the_splits_since(tmp_path: Path) -> None:
    file = in_file(tmp_path, SPLIT - 1)
    portfolio = load_portfolio(file)
    assert (portfolio.shares.tolist(), portfolio.nav) == ([100.0, 100.0], 10_000.0)
    assert portfolio.tax_lots is not None
    ((lot,), _) = portfolio.tax_lots.lots
    assert (lot.units, lot.price) == (100.0, 40.0)
    said = " ".join(rebalance("trades", file, "--accept", "stale").out.split())
    assert f"A was split on {day(tmp_path, SPLIT)}, 2 units for one: its units of" in said
    assert "No trade" in said
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(portfolio.settings))
    assert load_portfolio(tmp_path / "again.yaml").shares.tolist() == [100.0, 100.0]


def test_units_of_no_stated_day_are_refused_soon_after_a_split(tmp_path: Path) -> None:
    file = in_file(tmp_path)
    days = [day(tmp_path, row) for row in (SPLIT - 1, SPLIT, SPLIT + DOUBTFUL)]
    refused = rebalance("trades", file, "--as-of", days[2])
    assert refused.status == 2
    said = " ".join(refused.err.split())
    assert f"A was split on {days[1]}, 2 units for one, and the file does not say of which day its units are" in said
    assert f"Add `held_on: {days[1]}` for units of now, or the close at which they were held, such as" in said
    assert f"`held_on: {days[0]}` for those before." in said
    for settled in ({"held_on": days[1]}, {"last_trade": days[1]}):
        assert load_portfolio(file, settled, as_of=days[2]).shares.tolist() == [50.0, 100.0]
    assert load_portfolio(file, as_of=day(tmp_path, SPLIT + DOUBTFUL + 1)).shares.tolist() == [50.0, 100.0]
    with pytest.raises(ConfigError, match=r"held_on.* lies after the last close of the market"):
        load_portfolio(file, {"held_on": days[2]}, as_of=days[1])


def test_a_reverse_split_pays_fractions_in_cash_and_lists_go_on(tmp_path: Path) -> None:
    """50 of A at 100 are 7 at 700, and a seventh of a unit is paid: 100 USD; later a list sells one of them."""
    file, days = desk(tmp_path, 1 / 7)
    make_cycle(file, days[OPENED])
    for row in range(TRADED, SPLIT + 2):
        ran = make_cycle(file, days[row])
        assert "Book steady and paper agree." in ran.text
    (holder,) = read_book("steady").holders
    assert holder.units["A"] == 7
    portfolio = load_portfolio(file, as_of=days[SPLIT + 1])
    assert portfolio.nav == pytest.approx(10_000.0, abs=5.0)
    lines = yaml.safe_load(file.read_text())["lines"]
    lines["A"]["target"], lines["B"]["target"] = 0.42, 0.58
    rewrite(file, lines=lines)
    sold = make_cycle(file, days[SPLIT + 2])
    assert sold.status == "executed", sold.text
    assert read_book("steady").holders[0].units["A"] == 6
