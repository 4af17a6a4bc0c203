"""A server of this machine that speaks the formats of all providers, with faults, and a source without limits.

`serving(bars)` gives one: `http://127.0.0.1:PORT/NAME/…` is the request `…` to provider NAME, as `REBALANCE_FEEDS`
sends it. Bodies are those of `provider_bodies`.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import numpy as np
import pandas as pd
from local_server import Handler, serving_locally
from provider_bodies import Answer, Bar, Bars, body, exchange_id

from desk.feeds.adapter import Adapter, FeedError, GetRequest, RateLimits, Reply, Wanted
from desk.feeds.pace import Clock
from research.market.rows import price_rows

HTML = b"<!DOCTYPE html><html><body>Will be right back</body></html>"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)
OTHER = "OTHER"  # symbol in whose name a wrong answer comes
RETRY_AFTER = 7  # seconds
NONE = RateLimits(1, 0.0)  # no limit
NOTICES: dict[str, Callable[[str], Answer]] = {  # of a limit that is used up; some repeat the key
    "yahoo": lambda _: (429, "text/plain", b"Too Many Requests\r\n"),
    "alpha_vantage": lambda key: _notice(
        200, {"Information": f"We have detected your API key as {key} and our standard API rate limit is 25 a day."}
    ),
    "tiingo": lambda _: _notice(429, {"detail": "Error: You have run over your hourly request allocation."}),
    "fred": lambda _: _notice(429, {"error_code": 429, "error_message": "Too Many Requests."}),
    "nasdaq_data_link": lambda key: _notice(
        429, {"quandl_error": {"code": "QELx02", "message": f"You have exceeded the daily limit of {key}."}}
    ),
    "stooq": lambda _: (200, "text/plain", b"Exceeded the daily hits limit"),
    "coinbase": lambda _: _notice(429, {"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]}),
    "kraken": lambda _: _notice(200, {"error": ["EGeneral:Too many requests"]}),
    "binance": lambda _: _notice(429, {"code": -1003, "msg": "Too much request weight used."}),
}


def _notice(status: int, content: object) -> Answer:
    return status, "application/json", json.dumps(content).encode()


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    provider: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass
class Server:
    """What the server answers, and what it was asked.

    bars   : by provider's symbol.
    faults : fault by symbol, or by number of the request, from 0; "" for none.
    times  : times that the fault of a symbol is answered; after these come its bars.
    """

    bars: Bars
    faults: Mapping[str | int, str] = field(default_factory=dict)
    times: int = 1_000_000
    asked: list[Asked] = field(default_factory=list)
    address: str = ""
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault_of(self, asked: Asked) -> str:
        """Note a request, and choose its fault."""
        with self.lock:
            self.asked.append(asked)
            fault = self.faults.get(len(self.asked) - 1, "")
            for symbol in self.faults:
                if _names(asked, symbol) and sum(_names(each, symbol) for each in self.asked) <= self.times:
                    fault = self.faults[symbol]
        return fault

    def symbols(self) -> list[str]:
        """The symbol of each request, in their order."""
        return [next((symbol for symbol in self.bars if _names(each, symbol)), "") for each in self.asked]


def _names(asked: Asked, symbol: object) -> bool:
    """True for a request of this symbol."""
    words = {*unquote(asked.path).split("/"), *asked.params.values()}
    return isinstance(symbol, str) and exchange_id(asked.provider, symbol) in words


class _Handler(Handler):
    served: Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        provider, _, path = parts.path[1:].partition("/")
        asked = Asked(provider, f"/{path}", dict(parse_qsl(parts.query)), dict(self.headers.items()))
        fault = self.served.fault_of(asked)
        if fault == "slow":
            self.served.over.wait(5.0)
            self.close_connection = True
            return
        status, kind, content = self._answer(asked, fault)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) + (100 if fault == "cut" else 0)))
        if fault == "429":
            self.send_header("Retry-After", str(RETRY_AFTER))
        if fault == "redirect":
            self.send_header("Location", "https://elsewhere.invalid/consent")
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if fault == "cut" else content)
        self.close_connection = fault == "cut"

    def _answer(self, asked: Asked, fault: str) -> Answer:
        key = asked.params.get("apikey") or asked.headers.get("x-api-token") or "no key"
        answers: dict[str, Callable[[], Answer]] = {
            "429": lambda: (429, "text/plain", b"Too Many Requests\r\n"),
            "500": lambda: (500, "text/html", HTML),
            "redirect": lambda: (302, "text/html", b""),
            "HTML": lambda: (200, "text/html", HTML),
            "type": lambda: (200, "image/png", PICTURE),
            "large": lambda: (200, "application/json", bytes(2**20)),
            "notice": lambda: NOTICES[asked.provider](key),
        }
        if fault in answers:
            return answers[fault]()
        path, params, bars = asked.path, dict(asked.params), self.served.bars
        if fault == "symbol":
            for symbol in [each for each in bars if _names(asked, each)]:
                name = exchange_id(asked.provider, symbol)
                path = path.replace(name, OTHER)
                params = {each: OTHER if value == name else value for each, value in params.items()}
                bars = {OTHER: bars[symbol]}
        return body(asked.provider, path, params, asked.headers, bars)


@contextmanager
def serving(
    bars: Bars,
    faults: Mapping[str | int, str] | None = None,
    *,
    times: int = 1_000_000,
    certificate: Path | None = None,
) -> Iterator[Server]:
    """A server of these bars while the block lasts, over TLS where it is given a certificate."""
    served = Server(bars, faults or {}, times)
    with serving_locally(served, _Handler, certificate):
        yield served


def own_certificate(path: Path) -> Path:
    """A file with a certificate for 127.0.0.1 and its key, signed by itself."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")]),
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, *plain)
    )
    return path


def made_bars(sessions: Sequence[date], price: float, seed: int = 0) -> list[Bar]:
    """Bars of these sessions, drawn."""
    rng = np.random.default_rng(seed)
    closes = np.round(price * np.exp(np.cumsum(rng.normal(0.0, 0.01, len(sessions)))), 4)
    return [Bar(day, c, c + 1.0, c - 1.0, c, 1000.0) for day, c in zip(sessions, closes.tolist(), strict=True)]


class Time:
    """A time that only sleep moves; `clock` tells it."""

    def __init__(self, moment: str = "2022-12-30T06:00:00") -> None:
        self.seconds, self.lock = datetime.fromisoformat(f"{moment}+00:00").timestamp(), threading.Lock()
        self.clock = Clock(lambda: self.seconds, lambda: self.seconds, self.move)

    def move(self, seconds: float) -> None:
        """Let so many seconds pass."""
        with self.lock:
            self.seconds += seconds


@dataclass(frozen=True)
class Source(Adapter):
    """A source with the format of Tiingo, any limits, and its key in the URL, as worse providers have it."""

    limits: RateLimits = NONE
    key_variable: str = "SOURCE_API_KEY"
    name: str = "tiingo"
    key_from: str = "https://source.example/keys"

    def requests(self, wanted: Wanted, key: str) -> Sequence[GetRequest]:
        first = (wanted.first or date(1900, 1, 1)).isoformat()
        params = {"startDate": first, "endDate": wanted.last.isoformat(), "apikey": key}
        url = f"https://api.source.example/tiingo/daily/{wanted.symbol}/prices"
        return [GetRequest(url, params, {"Authorization": f"Token {key or 'none'}"}, key)]

    def rows(self, wanted: Wanted, replies: Sequence[Reply], fetched_at: np.datetime64) -> pd.DataFrame:
        if replies[0].status == 404:
            raise FeedError(f"{self.name} does not know {wanted.symbol}.")
        try:
            answer = pd.DataFrame(json.loads(replies[0].content))
        except ValueError:
            text = replies[0].content[:60].decode(errors="replace")
            raise FeedError(f"{self.name} sends no table of {wanted.symbol}: {text!r}.", "later") from None
        if answer.empty:
            raise FeedError(f"{self.name} has nothing of {wanted.symbol} in these days.")
        numbers = {name: answer[name].to_numpy() for name in ("open", "high", "low", "volume")}
        days = answer["date"].str[:10].to_numpy(dtype="datetime64[D]")
        return price_rows(
            wanted.asset_id, days, answer["close"].to_numpy(float), currency="USD", source=self.name,
            fetched_at=fetched_at, split=answer["splitFactor"], dividend=answer["divCash"], **numbers,
        )  # fmt: skip
