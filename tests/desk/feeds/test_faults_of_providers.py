"""Each provider with each fault: the fault is named, the other asset is kept, and the next call has all rows."""

import logging
from datetime import date
from pathlib import Path

import pytest
from provider_bodies import PROVIDERS
from provider_server import Time, made_bars, own_certificate, serving

from desk.feeds import fetching, transport
from desk.feeds.adapter import Wanted
from desk.feeds.adapters import ADAPTERS
from desk.feeds.fetching import MIRROR
from desk.feeds.refresh import Fetched, fetch
from research.market.store import PriceStore

KEY = "0123456789abcdef0123456789abcdef"
DAYS = [date(2022, 12, 27), date(2022, 12, 28), date(2022, 12, 29)]
SYMBOLS = {"stooq": ("spy.us", "agg.us"), "fred": ("DTB3", "DGS10")}
SENTENCES = {
    "429": "answers 429 (Too Many Requests), 'Too Many Requests'. It can be asked again in 7 s.",
    "500": "answers 500 (Internal Server Error). Try again later.",
    "slow": "gave no whole answer in",
    "cut": "cannot be reached, or broke off before its answer was whole.",
    "type": "the answer",
    "HTML": "the answer",
    "notice": "",  # in the words of each
    "symbol": "another symbol",
    "certificate": "has a certificate that is not valid",
}
NO_SYMBOL = {"tiingo", "stooq", "fred"}  # whose answers do not say what they are of


def symbols(name: str) -> tuple[str, str]:
    return SYMBOLS.get(name, ("SPY", "AGG"))


def fetched(name: str, store: PriceStore) -> Fetched:
    return fetch(
        store, ADAPTERS[name], [Wanted(each, each, DAYS[0], DAYS[-1]) for each in symbols(name)], clock=Time().clock
    )


@pytest.mark.parametrize("fault", SENTENCES)
@pytest.mark.parametrize("name", PROVIDERS)
def test_a_fault_is_named_and_the_next_call_has_all_rows(
    name: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if ADAPTERS[name].key_variable:
        monkeypatch.setenv(ADAPTERS[name].key_variable, KEY)
    monkeypatch.setattr(transport, "CONNECT", 0.2)
    monkeypatch.setattr(transport, "ANSWER", 0.1 if fault == "slow" else 5.0)
    monkeypatch.setattr(fetching, "WAITS", (1.0,))
    monkeypatch.setenv("TQDM_DISABLE", "1")
    caplog.set_level(logging.DEBUG)
    bad, good = symbols(name)
    bars = {bad: made_bars(DAYS, 4.0), good: made_bars(DAYS, 5.0, 1)}
    store, certificate = PriceStore(tmp_path / "store", name), own_certificate(tmp_path / "own.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(own_certificate(tmp_path / "another.pem")))

    with serving(bars, {bad: fault}, certificate=certificate if fault == "certificate" else None) as served:
        monkeypatch.setenv(MIRROR, served.address)
        done = fetched(name, store)
    monkeypatch.setattr(transport, "ANSWER", 5.0)
    with serving(bars) as served:
        monkeypatch.setenv(MIRROR, served.address)
        after = fetched(name, store)

    if fault == "symbol" and name in NO_SYMBOL:
        assert (dict(done.failed), done.left) == ({}, ())
    else:
        assert bad in {*done.failed, *done.left}
        assert SENTENCES[fault] in done.failed.get(bad, done.why)
        assert name in done.failed.get(bad, done.why)
        assert store.assets() == sorted([bad, good])
    assert fault == "certificate" or bad in done.left or good not in {*done.failed, *done.left}
    assert (dict(after.failed), after.left) == ({}, ())
    for symbol in (bad, good):
        closes = store.rows([symbol])["close"].to_numpy()
        assert closes == pytest.approx([bar.close for bar in bars[symbol]], rel=1e-12)
    texts = [done.text(), repr(done), after.text(), caplog.text]
    texts += [each.read_bytes().decode(errors="replace") for each in store.folder.rglob("*") if each.is_file()]
    assert not [text for text in texts if KEY in text]
