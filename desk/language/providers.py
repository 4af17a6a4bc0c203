"""Language models over HTTP: any server that speaks OpenAI's format, such as a local one, Anthropic's, or none.

All settings are environment variables, and none is the default. The key is sent to the model's own address alone; no
message and no log has it. What a model is sent it may keep: a local server keeps it in the house.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from functools import cache, partial
from http import HTTPStatus
from typing import Any, Literal, NoReturn, Protocol
from urllib.parse import urlsplit

import numpy as np

from desk.feeds.adapter import Reply
from desk.feeds.answers import retry_after, value_at
from desk.feeds.transport import BROKEN, LOCAL, Fault, Http
from foundation.arguments import refuse, shown
from foundation.dataclasses import dataclass, field
from foundation.errors import DataError

PREFIX = "REBALANCE_MODEL_"  # of the environment variables
ANSWER = 60.0  # seconds for a whole answer
LARGEST_SENT = 200_000  # characters
LONGEST_WAIT = 30.0  # seconds before a request is sent again
ANSWER_TOKENS = 2_000  # which Anthropic's format must state
MODEL_HEADERS = {"Content-Type": "application/json", "Connection": "close"}  # questions are rare: no connection waits

Role = Literal["system", "user"]


@dataclass(frozen=True)
class ModelMessage:
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

    async def complete(self, messages: Sequence[ModelMessage]) -> str:
        """The text of its answer. Raises ModelError where there is none."""


ADDRESSES = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}  # of the providers


@dataclass(frozen=True)
class HttpModel:
    """A model over HTTP.

    name     : name that its server knows it by.
    provider : format that its server speaks, "openai" or "anthropic".
    url      : address below which it is asked; "" for the provider's own.
    key      : its key, "" for a server that needs none.
    cutoff   : its training cut-off.
    sleep    : waits so many seconds.
    Raises   : ConfigError for another provider, a key that no header holds, and an address that is not encrypted.
    """

    name: str
    provider: str = "openai"
    url: str = ""
    key: str = field(default="", repr=False)
    cutoff: date | None = None
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, repr=False)

    def __post_init__(self) -> None:
        """Check the provider, and that the address is encrypted or of this machine."""
        if self.provider not in ADDRESSES:
            refuse(f"{PREFIX}PROVIDER is", self.provider, f"give one of none, {', '.join(ADDRESSES)}.")
        if not (self.key.isascii() and self.key.isprintable()):
            refuse(f"{PREFIX}KEY is", "***", "it has characters that no header holds. Copy it again.")
        parts = urlsplit(self.address)
        if not parts.hostname or parts.scheme not in ("http", "https") or parts.username or parts.query:
            refuse(f"{PREFIX}URL is at", parts.hostname, "give an address such as http://localhost:11434/v1.")
        if parts.scheme == "http" and parts.hostname not in LOCAL:
            refuse(f"{PREFIX}URL is", self.address, "give an https address: only this machine is asked unencrypted.")

    @property
    def address(self) -> str:
        """The address below which it is asked."""
        return (self.url or ADDRESSES[self.provider]).rstrip("/")

    async def complete(self, messages: Sequence[ModelMessage]) -> str:
        """As `LanguageModel.complete`: one request, up to three more where the server is busy, down or breaks off."""
        if sum(len(each.text) for each in messages) > LARGEST_SENT:
            raise ModelError(f"more than {LARGEST_SENT:,} characters are to be sent to {self.name}. Send less.")
        path, headers, body = self._request(messages)
        send = partial(_transport(ANSWER).send, "POST", self.address + path, headers, json.dumps(body).encode())
        for pause in (1.0, 2.0, 4.0, None):
            reply = await asyncio.to_thread(send)
            if isinstance(reply, Reply) and not _is_busy(reply.status):
                return self._text(reply)
            if isinstance(reply, Fault) and reply is not BROKEN:
                break
            wait = retry_after(reply, np.datetime64("now")) if isinstance(reply, Reply) else None
            if pause is None or (wait or 0.0) > LONGEST_WAIT:
                break
            await self.sleep(pause if wait is None else wait)
        if isinstance(reply, Fault):
            self._refuse(reply.sentence)
        self._refuse(f"is busy or down, by its status {reply.status}. Run the command again later.")

    def _request(self, messages: Sequence[ModelMessage]) -> tuple[str, dict[str, str], dict[str, Any]]:
        """The path, the headers and the body of a request, in the format of the provider."""
        sent = [{"role": each.role, "content": each.text} for each in messages]
        if self.provider == "openai":
            key = {"Authorization": f"Bearer {self.key}"} if self.key else {}
            return "/chat/completions", MODEL_HEADERS | key, {"model": self.name, "messages": sent}
        headers = MODEL_HEADERS | {"x-api-key": self.key, "anthropic-version": "2023-06-01"}
        system = "\n\n".join(each.text for each in messages if each.role == "system")
        users = [each for each in sent if each["role"] == "user"]
        body = {"model": self.name, "max_tokens": ANSWER_TOKENS, "system": system, "messages": users}
        return "/v1/messages", headers, body

    def _text(self, reply: Reply) -> str:
        """The text of an answer. Raises ModelError for a status, a form or an end that is not that of a whole text."""
        if reply.status != HTTPStatus.OK:
            is_key = reply.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
            fix = "the key is refused. Correct KEY" if is_key else "check URL and NAME"
            self._refuse(f"answers with status {reply.status}: {fix} of the variables {PREFIX}….")
        try:
            content = json.loads(reply.content)
        except (ValueError, RecursionError):
            self._refuse(f"answers without JSON. Check {PREFIX}URL.")
        message = value_at(content, "choices", 0, "message")
        if self.provider == "openai":
            text, end, whole = value_at(message, "content"), value_at(content, "choices", 0, "finish_reason"), "stop"
        else:
            text, end, whole = value_at(content, "content", 0, "text"), value_at(content, "stop_reason"), "end_turn"
        if end != whole or value_at(message, "refusal"):
            self._refuse(f"did not write a whole answer: it ended by {shown(end)}. Ask again, or take another model.")
        if not isinstance(text, str) or not text.strip():
            self._refuse("answers with no text. Ask again, or take another model.")
        return text.strip()

    def _refuse(self, sentence: str) -> NoReturn:
        """Raise ModelError with the model and its address before a sentence."""
        raise ModelError(f"the language model {shown(self.name)} at {self.address} {sentence}")


@cache
def _transport(seconds: float) -> Http:
    """The connections to models. seconds : that they have for an answer."""
    return Http(seconds)


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
    try:
        until = date.fromisoformat(given["cutoff"]) if given["cutoff"] else None
    except ValueError:
        refuse(f"{PREFIX}CUTOFF is", given["cutoff"], "give the training cut-off of the model as YYYY-MM-DD.")
    return HttpModel(given["name"], given["provider"], given["url"], given["key"], until)
