"""A portfolio file of what an exchange holds, by the configuration of another module, which names no assets."""

from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import yaml

from desk.commands.portfolio_file.new import NewFile, new_text
from desk.commands.portfolio_file.new_settings import read_settings
from desk.exchange.exchange_venue import IExchange, balances_of
from foundation.errors import ConfigError
from research.market.reading.known_instruments import STABLE_COINS, known_instruments
from research.portfolio.file.document import read_document

USUAL_LOOKBACK, BEFORE = 252, 2.5  # days of estimates; days of history in those
FRIDAY = 4  # of a week, from 0


def is_configuration(file: Path) -> bool:
    """True of a YAML file without the lines of a portfolio. Raises ConfigError for no YAML."""
    return "lines" not in read_document(file).tree


def money_of(configuration: Path) -> str:
    """The asset that is cash by a configuration, such as USDT; "" where it names none."""
    return str(read_document(configuration).value("trading", "base_currency", default=""))


def file_of_exchange(configuration: Path, exchange: IExchange, money: str, folder: Path, now: datetime) -> Path:
    """Write the portfolio file, and its prices from the exchange's history, into a folder.

    All assets of the balances but money and stable coins are its lines, at equal targets beside that of cash; what a
    configuration says of orders is left out, since such an exchange takes whole market orders alone.
    Raises : ConfigError for no asset, for no history, and as `new_text`; NotKnown for balances that are none.
    """
    assets = [asset for asset in balances_of(exchange) if asset != money and asset not in STABLE_COINS]
    settings, _ = read_settings(configuration)
    if not assets:
        raise ConfigError(f"{type(exchange).__name__} holds no assets but money. List those that you want, at 0 units.")
    first = now - timedelta(days=BEFORE * (settings.window or USUAL_LOOKBACK))
    history = exchange.get_historical_data(assets, first, now)
    if not isinstance(history, pd.DataFrame) or not {*assets} <= {*history.columns} or len(history) < 2:
        name = type(exchange).__name__
        raise ConfigError(f"{name}.get_historical_data gave no table of two days or more with {', '.join(assets)}.")
    days = pd.to_datetime(history.index)
    history[assets].set_axis(days.strftime("%Y-%m-%d")).to_csv(folder / "prices.csv", index_label="date")
    share = (1.0 - (settings.target_cash or 0.0)) / len(assets)
    known = known_instruments()
    unknown = {asset: "crypto" for asset in assets if not ((one := known.find(asset)) and one.asset_class)}
    file, words = folder / f"{configuration.stem}.yaml", [f"{asset}={share:.9f}" for asset in assets]
    text, _, _ = new_text(NewFile(file, words, nav=1.0, seed=configuration, classes=unknown))
    tree = yaml.safe_load(text)
    calendar = "24/7" if (days.dayofweek > FRIDAY).any() else tree["market"]["calendar"]
    tree["market"] = {"file": "prices.csv", "quotes": "prices.csv", "cash": 0.0, "calendar": calendar}
    tree["market"]["currency"] = tree["basis"]
    tree.pop("ticket", None)
    file.write_text(yaml.safe_dump(tree, sort_keys=False))
    return file
