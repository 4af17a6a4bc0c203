"""Each provider with each fault: the fault is named without the key, and once it is over the rows come."""

import logging
import random
from datetime import date
from pathlib import Path

import pytest
from provider_bodies import COINS, PROVIDERS
from provider_server import Time, made_bars, own_certificate, serving

from desk.feeds import fetching, transport
from desk.feeds.adapter import FeedError, Wanted
from desk.feeds.adapters import ADAPTERS
from desk.feeds.fetching import MIRROR, Fetcher

KEY = "0123456789abcdef0123456789abcdef"
DAYS = [date(2022, 12, 27), date(2022, 12, 28), date(2022, 12, 29)]
SYMBOLS = {"stooq": "spy.us", "fred": "DTB3", **COINS}
FAULTS = {  # sentence, and kind
    "429": ("answers 429 (Too Many Requests), 'Too Many Requests'. It can be asked again in 7 s.", "later"),
    "500": ("answers 500 (Internal Server Error). Try again later.", "later"),
    "slow": ("gave no whole answer in", "later"),
    "cut": ("cannot be reached, or broke off before its answer was whole.", "later"),
    "type": ("the answer", "later"),
    "HTML": ("the answer", "later"),
    "notice": ("", "later"),  # in words of its own
    "symbol": ("another symbol", "asset"),
    "certificate": ("has a certificate that is not valid: nothing was sent.", "source"),
}
NAMELESS = {"tiingo", "stooq", "fred", "coinbase", "binance"}  # answers that do not say of which symbol they are


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(transport, "CONNECT", 0.5)
    monkeypatch.setattr(fetching, "RETRY_WAITS", (1.0,))
    monkeypatch.setenv("SSL_CERT_FILE", str(own_certificate(tmp_path / "own.pem")))
    for adapter in ADAPTERS.values():
        if adapter.key_variable:
            monkeypatch.setenv(adapter.key_variable, KEY)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", PROVIDERS)
def test_a_fault_is_named_and_once_it_is_over_the_rows_come(
    name: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(transport, "ANSWER", 0.3 if fault == "slow" else 5.0)
    symbol = SYMBOLS.get(name, "SPY")
    bars = {symbol: made_bars(DAYS, 4.0)}
    wanted = Wanted("asset", symbol, DAYS[0], DAYS[-1])
    certificate = own_certificate(tmp_path / "another.pem") if fault == "certificate" else None

    with serving(bars, {symbol: fault}, certificate=certificate) as served:
        monkeypatch.setenv(MIRROR, served.address)
        with Fetcher(ADAPTERS[name], tmp_path, Time().clock, random.Random(1)) as fetcher:
            if fault == "symbol" and name in NAMELESS:
                assert len(fetcher.rows(wanted)) == 3
            else:
                with pytest.raises(FeedError) as error:
                    fetcher.rows(wanted)
                sentence, kind = FAULTS[fault]
                assert str(error.value).startswith(name)
                assert sentence in str(error.value)
                assert error.value.kind == kind
                assert KEY not in str(error.value) + caplog.text
                assert error.value.__cause__ is error.value.__context__ is None
            served.faults = {}
            if fault == "certificate":
                assert served.asked == []
            else:
                closes = fetcher.rows(wanted)["close"].to_numpy()
                assert closes == pytest.approx([bar.close for bar in bars[symbol]], rel=1e-12)
