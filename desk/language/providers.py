"""Language models over HTTP: any server that speaks OpenAI's format, such as a local one, Anthropic's, or none.

All settings are environment variables, and none is the default. The key is sent to the model's own address alone; no
message and no log has it. What a model is sent it may keep: a local server keeps it in the house.
"""

import asyncio
import json
import logging
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from http import HTTPStatus
from typing import Any, Literal, NoReturn, Protocol
from urllib.parse import urlsplit

import numpy as np

from desk.feeds.adapter import Reply
from desk.feeds.answers import at, retry_after
from desk.feeds.transport import AGENT, named_certificates
from foundation.arguments import refuse, shown
from foundation.errors import ConfigError, DataError

PREFIX = "REBALANCE_MODEL_"  # of the environment variables
CONNECT, ANSWER = 10.0, 60.0  # seconds to connect, and for a whole answer
LARGEST_SENT, LARGEST_ANSWER = 200_000, 2**20  # characters sent, bytes of an answer
TRIES, LONGEST_WAIT = 4, 30.0  # requests for one answer, seconds before the next
ANSWER_TOKENS = 2_000  # which Anthropic's format must state
LOCAL = ("localhost", "127.0.0.1", "::1")
AGAIN = "Run the command again later."

Role = Literal["system", "user"]


@dataclass(frozen=True)
class Message:
    """A part of what a model is asked: instructions are of the system, data of the user."""

    role: Role
    text: str


class ModelError(DataError):
    """No usable answer of a model, in a sentence without its key."""


class LanguageModel(Protocol):
    """A model that answers messages with text."""

    @property
    def name(self) -> str:
        """Its name, which stands beside what it wrote."""

    @property
    def cutoff(self) -> date | None:
        """Its training cut-off, None where that is not stated."""

    async def complete(self, messages: Sequence[Message]) -> str:
        """The text of its answer. Raises ModelError where there is none."""


@dataclass(frozen=True)
class Format:
    """The form of requests and answers of a provider.

    url     : address of the provider itself, "" for none.
    path    : path of the request below the address.
    headers : headers that hold a key.
    body    : body of the request for a model, from messages.
    text    : path to the text in the answer.
    ends    : path to the reason why the text ends, and the reason of a whole one.
    """

    url: str
    path: str
    headers: Callable[[str], dict[str, str]]
    body: Callable[[Sequence[Message]], dict[str, Any]]
    text: tuple[str | int, ...]
    ends: tuple[tuple[str | int, ...], str]


def _openai_body(messages: Sequence[Message]) -> dict[str, Any]:
    return {"messages": [{"role": each.role, "content": each.text} for each in messages]}


def _anthropic_body(messages: Sequence[Message]) -> dict[str, Any]:
    system = "\n\n".join(each.text for each in messages if each.role == "system")
    return {"system": system, "max_tokens": ANSWER_TOKENS} | _openai_body(
        [each for each in messages if each.role == "user"]
    )


FORMATS = {
    "openai": Format(
        "https://api.openai.com/v1",
        "/chat/completions",
        lambda key: {"Authorization": f"Bearer {key}"} if key else {},
        _openai_body,
        ("choices", 0, "message", "content"),
        (("choices", 0, "finish_reason"), "stop"),
    ),
    "anthropic": Format(
        "https://api.anthropic.com",
        "/v1/messages",
        lambda key: {"x-api-key": key, "anthropic-version": "2023-06-01"},
        _anthropic_body,
        ("content", 0, "text"),
        (("stop_reason",), "end_turn"),
    ),
}


@dataclass(frozen=True)
class HttpModel:
    """A model over HTTP.

    name     : name that its server knows it by.
    provider : one of `FORMATS`.
    url      : address below which it is asked; "" for the provider's own.
    key      : its key, "" for a server that needs none.
    cutoff   : its training cut-off.
    sleep    : waits so many seconds.
    Raises   : ConfigError for another provider, and for a key that would be sent unencrypted to another machine.
    """

    name: str
    provider: str = "openai"
    url: str = ""
    key: str = field(default="", repr=False)
    cutoff: date | None = None
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, repr=False)

    def __post_init__(self) -> None:
        """Check the provider, and that the address is encrypted or of this machine."""
        if self.provider not in FORMATS:
            refuse(f"{PREFIX}PROVIDER is", self.provider, f"give one of none, {', '.join(FORMATS)}.")
        parts = urlsplit(self.address)
        if not parts.hostname or parts.scheme not in ("http", "https") or parts.username or parts.query:
            refuse(f"{PREFIX}URL is at", parts.hostname, "give an address such as http://localhost:11434/v1.")
        if parts.scheme == "http" and parts.hostname not in LOCAL:
            refuse(f"{PREFIX}URL is", self.address, "give an https address: only this machine is asked unencrypted.")

    @property
    def address(self) -> str:
        """The address below which it is asked."""
        return (self.url or FORMATS[self.provider].url).rstrip("/")

    async def complete(self, messages: Sequence[Message]) -> str:
        """As `LanguageModel.complete`: one request, up to three more where the server is busy, down or breaks off."""
        if sum(len(each.text) for each in messages) > LARGEST_SENT:
            raise ModelError(f"more than {LARGEST_SENT:,} characters are to be sent to {self.name}. Send less.")
        for tries in range(1, TRIES + 1):
            reply = await self._reply(messages)
            if isinstance(reply, Reply) and not _is_busy(reply.status):
                return self._text(reply)
            fault = reply if isinstance(reply, str) else f"answers with status {reply.status}: it is busy or down"
            wait = None if isinstance(reply, str) else retry_after(reply, np.datetime64("now"))
            if tries < TRIES and (wait or 0.0) <= LONGEST_WAIT:
                await self.sleep(2.0 ** (tries - 1) if wait is None else wait)
                continue
            break
        self._refuse(f"{fault}. {AGAIN}")

    async def _reply(self, messages: Sequence[Message]) -> Reply | str:
        """The answer to one request, or why there is none."""
        import httpx

        logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs each address
        of, content = FORMATS[self.provider], bytearray()
        body = {"model": self.name, **of.body(messages)}
        headers = {"User-Agent": AGENT, **of.headers(self.key)}
        try:
            async with (
                asyncio.timeout(CONNECT + ANSWER),
                httpx.AsyncClient(verify=_certificates(), timeout=httpx.Timeout(ANSWER, connect=CONNECT)) as client,
                client.stream("POST", self.address + of.path, json=body, headers=headers) as answer,
            ):
                async for chunk in answer.aiter_bytes():
                    content += chunk
                    if len(content) > LARGEST_ANSWER:
                        self._refuse(f"answers with more than {LARGEST_ANSWER / 2**20:g} MiB, which is no text.")
                return Reply(answer.status_code, bytes(content), {k.lower(): v for k, v in answer.headers.items()})
        except (TimeoutError, httpx.TimeoutException):
            self._refuse(f"gave no whole answer in {ANSWER:g} s. {AGAIN}")
        except httpx.HTTPError:
            return "cannot be reached, or broke off before its answer was whole"

    def _text(self, reply: Reply) -> str:
        """The text of an answer. Raises ModelError for a status, a form or an end that is not that of a whole text."""
        of = FORMATS[self.provider]
        if reply.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            self._refuse(f"answers with status {reply.status}: the key in {PREFIX}KEY is refused. Correct it.")
        if reply.status != HTTPStatus.OK:
            self._refuse(f"answers with status {reply.status}. Check {PREFIX}URL and {PREFIX}NAME.")
        try:
            content = json.loads(reply.content)
        except (ValueError, RecursionError):
            self._refuse(f"answers without JSON. Check {PREFIX}URL.")
        text, end = at(content, *of.text), at(content, *of.ends[0])
        if end != of.ends[1] or at(content, "choices", 0, "message", "refusal"):
            self._refuse(f"did not write a whole answer: it ended by {shown(end)}. Ask again, or take another model.")
        if not isinstance(text, str) or not text.strip():
            self._refuse("answers with no text. Ask again, or take another model.")
        return text.strip()

    def _refuse(self, sentence: str) -> NoReturn:
        """Raise ModelError with the model and its address before a sentence."""
        raise ModelError(f"the language model {shown(self.name)} at {self.address} {sentence}")


@cache
def _certificates() -> ssl.SSLContext:
    """The certificates that servers are held against, read once."""
    import httpx

    named_certificates()  # which httpx reads, too
    return httpx.create_ssl_context()


def _is_busy(status: int) -> bool:
    return status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS) or status >= 500


def configured_model(environment: Mapping[str, str] = os.environ) -> HttpModel | None:
    """The model of the environment variables REBALANCE_MODEL_PROVIDER, _NAME, _URL, _KEY and _CUTOFF; None for none.

    Raises : ConfigError for a provider without a name, for one that is not known, and for a cut-off that is no day.
    """
    given = {name: environment.get(PREFIX + name.upper(), "") for name in ("provider", "name", "url", "key", "cutoff")}
    if given["provider"] in ("", "none"):
        return None
    if not given["name"]:
        refuse(f"{PREFIX}NAME is", "", "give the name of a model that the server knows.")
    cutoff = given.pop("cutoff")
    try:
        until = date.fromisoformat(cutoff) if cutoff else None
        return HttpModel(given["name"], given["provider"], given["url"], given["key"], until)
    except ConfigError:
        raise
    except ValueError:
        refuse(f"{PREFIX}CUTOFF is", cutoff, "give the training cut-off of the model as YYYY-MM-DD.")
