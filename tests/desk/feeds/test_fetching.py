"""Requests to a real server of this machine, with faults; keys that nobody sees."""

import logging
import random
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from provider_server import NONE, RETRY_AFTER, Server, Source, Time, made_bars, own_certificate, serving

from desk.feeds import transport
from desk.feeds.adapter import FeedError, GetRequest, RateLimits, Reply, Wanted
from desk.feeds.fetching import JITTER, MIRROR, RETRY_WAITS, Fetcher, masked, mirror
from foundation.errors import ConfigError

KEY = "s3cret+key/of=mine"
DAYS = [date(2022, 12, 27), date(2022, 12, 28), date(2022, 12, 29)]
BARS = {"SPY": made_bars(DAYS, 380.0), "AGG": made_bars(DAYS, 97.0, 1)}
SPY = Wanted("SPY", "SPY", None, DAYS[-1])
BOTH = pytest.mark.parametrize("browser", [False, True], ids=["plain", "browser"])


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(own_certificate(tmp_path_factory.mktemp("other") / "other.pem")))
    monkeypatch.setenv("SOURCE_API_KEY", KEY)
    monkeypatch.setattr(transport, "CONNECT", 0.5)
    monkeypatch.setattr(transport, "ANSWER", 0.5)


def attempt(served: Server, monkeypatch: pytest.MonkeyPatch, folder: Path, source: Source, time: Time) -> Any:
    """The rows of SPY, or the error."""
    monkeypatch.setenv(MIRROR, served.address)
    with Fetcher(source, folder, time.clock, random.Random(1)) as fetcher:
        try:
            return fetcher.rows(SPY)
        except FeedError as error:
            return error


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Rows or the error of a source whose first requests have a fault, seconds waited, and requests made."""

    def run(fault: str, times: int = 1_000_000, browser: bool = False, limits: RateLimits = NONE) -> Any:
        with serving(BARS, {"SPY": fault}, times=times) as served:
            time = Time()
            began = time.seconds
            found = attempt(served, monkeypatch, tmp_path, Source(limits, browser=browser), time)
            return found, time.seconds - began, served.asked

    return run


@BOTH
def test_rows_are_those_of_the_server(tried: Any, browser: bool) -> None:
    rows, waited, asked = tried("", browser=browser)
    assert rows["close"].tolist() == [bar.close for bar in BARS["SPY"]]
    assert (waited, len(asked)) == (0.0, 1)
    assert asked[0].path == "/tiingo/daily/SPY/prices"
    assert asked[0].params == {"startDate": "1900-01-01", "endDate": "2022-12-29", "apikey": KEY}
    assert asked[0].headers["Authorization"] == f"Token {KEY}"
    assert ("Chrome" if browser else transport.USER_AGENT) in asked[0].headers["User-Agent"]


@BOTH
@pytest.mark.parametrize("fault", ["500", "cut", "HTML", "type", "notice"])
def test_a_fault_that_passes_is_waited_out(tried: Any, fault: str, browser: bool) -> None:
    rows, waited, asked = tried(fault, 2, browser=browser)
    assert rows["close"].tolist() == [bar.close for bar in BARS["SPY"]]
    assert sum(RETRY_WAITS[:2]) <= waited <= sum(RETRY_WAITS[:2]) * (1 + JITTER)
    assert len(asked) == 3


@BOTH
def test_a_slow_answer_is_given_up_and_asked_again(tried: Any, browser: bool) -> None:
    rows, _, asked = tried("slow", 1, browser=browser)
    assert (len(rows), len(asked)) == (3, 2)


def test_a_fault_that_stays_is_told_after_the_last_repetition(tried: Any) -> None:
    error, waited, asked = tried("500")
    place = r"tiingo \(http://127\.0\.0\.1:\d+/tiingo/tiingo/daily/SPY/prices\)"
    assert re.fullmatch(rf"{place} answers 500 \(Internal Server Error\)\. Try again later\.", str(error))
    assert error.kind == "later"
    assert sum(RETRY_WAITS) <= waited <= sum(RETRY_WAITS) * (1 + JITTER)
    assert len(asked) == 1 + len(RETRY_WAITS)


@BOTH
def test_a_source_that_names_a_time_is_asked_after_it(tried: Any, browser: bool) -> None:
    rows, waited, _ = tried("429", 1, browser=browser)
    assert len(rows) == 3
    assert RETRY_AFTER <= waited <= RETRY_AFTER * (1 + JITTER)


def test_a_limit_without_a_time_is_waited_for_by_the_pace_of_the_source(tried: Any) -> None:
    rows, waited, _ = tried("notice", 1, limits=RateLimits(1, 20.0))
    assert len(rows) == 3
    assert 20.0 <= waited <= 20.0 * (1 + JITTER)
    error, waited, asked = tried("notice", 1, limits=RateLimits(50, 3_600.0))  # longer than a person waits
    assert (error.wait, waited, len(asked)) == (3_600.0, 0.0, 1)
    assert '\'{"detail": "Error: You have run over your hourly request allocation."}\'' in str(error)
    assert "It can be asked again in 3,600 s." in str(error)


@BOTH
def test_a_redirection_is_not_followed(tried: Any, browser: bool) -> None:
    error, _, asked = tried("redirect", browser=browser)
    assert (error.kind, len(asked)) == ("source", 1)
    assert "redirects to 'elsewhere.invalid', where nothing is sent" in str(error)


@BOTH
def test_an_answer_without_end_is_cut_short(tried: Any, browser: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "LARGEST_ANSWER", 100_000)
    error, _, asked = tried("large", browser=browser)
    assert (error.kind, len(asked)) == ("asset", 1)
    assert "MiB, which is more than is read of one answer" in str(error)


@BOTH
def test_a_certificate_that_is_not_valid_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: bool
) -> None:
    with serving(BARS, certificate=own_certificate(tmp_path / "own.pem")) as served:
        error = attempt(served, monkeypatch, tmp_path, Source(browser=browser), Time())
    assert (error.kind, served.asked) == ("source", [])
    assert "has a certificate that is not valid: nothing was sent" in str(error)


@BOTH
def test_a_certificate_that_the_user_names_is_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: bool
) -> None:
    certificate = own_certificate(tmp_path / "own.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(BARS, certificate=certificate) as served:
        assert len(attempt(served, monkeypatch, tmp_path, Source(browser=browser), Time())) == 3


@BOTH
def test_a_server_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: bool) -> None:
    with serving(BARS) as served:
        pass
    error = attempt(served, monkeypatch, tmp_path, Source(browser=browser), Time())
    assert error.kind == "later"
    assert "cannot be reached, or broke off" in str(error)


@BOTH
@pytest.mark.parametrize("fault", ["", "429", "500", "cut", "HTML", "notice", "redirect", "type"])
def test_nobody_sees_the_key(
    tried: Any,
    fault: str,
    browser: bool,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    found, _, _ = tried(fault, 5, browser, RateLimits(1, 0.0, a_day=1_000))
    seen = [str(found), repr(found), caplog.text, *capfd.readouterr()]
    while isinstance(found, BaseException):
        seen += [str(found), repr(found.__dict__)]
        found = found.__cause__ or found.__context__
    seen += [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    for hidden in (KEY, "s3cret", masked(KEY, "nothing")):
        assert not [text for text in seen if hidden in text]


def test_a_limit_notice_that_repeats_the_key_is_told_without_it() -> None:
    assert masked(f"key {KEY}, {'s3cret%2Bkey%2Fof%3Dmine'} and s3cret%2Bkey/of%3Dmine", KEY) == "key ***, *** and ***"


def test_no_key_names_the_variable_and_where_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_API_KEY")
    with pytest.raises(FeedError, match=r"tiingo needs a key.*SOURCE_API_KEY.*https://source\.example/keys") as error:
        Fetcher(Source(), tmp_path)
    assert error.value.kind == "source"


def test_a_key_that_would_break_a_header_is_refused_without_showing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_API_KEY", "s3cret\nX-Header: 1")
    with pytest.raises(FeedError, match="the key in SOURCE_API_KEY has characters") as error:
        Fetcher(Source(), tmp_path)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("address", ["localhost:80", "ftp://host/", "http://", "/tmp/feeds"])
def test_an_address_of_a_server_that_is_none_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIRROR, address)
    with pytest.raises(ConfigError, match=f"{MIRROR} is '{address}': give an address"):
        mirror()


def test_a_wrong_address_is_shown_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIRROR, "me:hunter2@feeds.example:80")
    with pytest.raises(ConfigError, match=f"{MIRROR} is 'feeds.example:80': give an address"):
        mirror()


class Repeating:
    """A transport whose answers repeat the key after so many letters, or are pages."""

    def __init__(self, *answers: Reply) -> None:
        self.answers, self.count = answers, 0

    def get(self, url: str, headers: Any) -> Reply:
        self.count += 1
        return self.answers[min(self.count, len(self.answers)) - 1]

    def close(self) -> None:
        """Nothing is open."""


def test_a_key_that_is_cut_in_its_middle_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_API_KEY", "ABCDEFGHIJKLMNOP")
    with Fetcher(Source(), tmp_path, Time().clock) as fetcher:
        for letters in range(400):
            answer = Reply(503, b"x" * letters + b" your API key as ABCDEFGHIJKLMNOP is over")
            fetcher._transport = Repeating(answer)
            with pytest.raises(FeedError) as found:
                fetcher.reply(GetRequest("https://source.example", key="ABCDEFGHIJKLMNOP"))
            assert "ABCD" not in str(found.value)


@dataclass(frozen=True)
class Paged(Source):
    """A source whose answer has a second page, named by the first."""

    def more(self, wanted: Wanted, replies: Sequence[Reply], key: str) -> GetRequest | None:
        if replies[0].content != b"[]":
            raise FeedError("the answer is a page (HTML) in place of JSON.", "later")
        return self.requests(wanted, key)[0] if len(replies) < 2 else None


def test_an_answer_that_names_no_next_page_is_asked_for_again(tmp_path: Path) -> None:
    with Fetcher(Paged(), tmp_path, Time().clock, random.Random(1)) as fetcher:
        sent = fetcher._transport = Repeating(Reply(200, b"<html>"), Reply(200, b"[]"))
        with suppress(FeedError, KeyError):  # two pages without bars
            fetcher.rows(SPY)
    assert sent.count >= 3


@BOTH
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_of_certificates_that_is_none_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: bool, content: str | None
) -> None:
    path = tmp_path / "none.pem"
    if content:
        path.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(ConfigError, match=r"SSL_CERT_FILE is '.*none\.pem': .*Name a file of certificates"):
        Fetcher(Source(browser=browser), tmp_path)
