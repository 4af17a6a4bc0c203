"""Models over HTTP: each format as its provider writes it, and each fault as one sentence without the key."""

import asyncio
import logging
from datetime import date

import pytest
from model_server import CUT, KEY, SILENT, Answer, ModelServer, anthropic, models, openai

from desk.language import providers
from desk.language.providers import HttpModel, ModelError, ModelMessage, configured_model
from foundation.errors import ConfigError

ASKED = (ModelMessage("system", "Answer in one word."), ModelMessage("user", '{"data": 1}'))
BUSY: Answer = (429, {"Retry-After": "7"}, b"{}")
DOWN: Answer = (503, {}, b"<html>")


def ask(server: ModelServer, provider: str = "openai", key: str = KEY) -> tuple[str, list[float]]:
    """The text of an answer, and the seconds that were waited before it."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    model = HttpModel("m", provider, server.address, key, sleep=sleep)
    return asyncio.run(model.complete(ASKED)), waits


def test_openai_s_format_is_that_of_chat_completions() -> None:
    with models(openai(" yes \n")) as server:
        assert ask(server) == ("yes", [])
        assert ask(server, key="")[0] == "yes"
    (path, headers, content), (_, plain, _) = server.asked
    assert path == "/chat/completions"
    assert (headers["authorization"], "authorization" in plain) == (f"Bearer {KEY}", False)
    roles = [{"role": "system", "content": "Answer in one word."}, {"role": "user", "content": '{"data": 1}'}]
    assert content == {"model": "m", "messages": roles}


def test_anthropic_s_format_is_that_of_messages() -> None:
    with models(anthropic("yes")) as server:
        assert ask(server, "anthropic") == ("yes", [])
    ((path, headers, content),) = server.asked
    assert path == "/v1/messages"
    assert (headers["x-api-key"], headers["anthropic-version"]) == (KEY, "2023-06-01")
    assert content == {
        "model": "m",
        "max_tokens": 2000,
        "system": "Answer in one word.",
        "messages": [{"role": "user", "content": '{"data": 1}'}],
    }


def test_a_busy_server_is_asked_again_when_it_says_and_one_that_is_down_with_longer_waits() -> None:
    with models(BUSY, DOWN, CUT, openai("yes")) as server:
        assert ask(server) == ("yes", [7.0, 2.0, 4.0])
    with models(DOWN) as server, pytest.raises(ModelError, match=r"is busy or down, by its status 503\. Run"):
        ask(server)
    assert len(server.asked) == 4


def test_a_wait_that_is_too_long_is_left_to_the_user() -> None:
    with models((429, {"Retry-After": "3600"}, b"")) as server, pytest.raises(ModelError, match="status 429"):
        ask(server)
    assert len(server.asked) == 1


FAULTS: dict[str, tuple[str, Answer, str]] = {
    "refused key": (
        "openai",
        (401, {}, f'{{"error": "no key {KEY}"}}'.encode()),
        "status 401: the key is refused. Correct KEY of the variables REBALANCE_MODEL_",
    ),
    "no model": ("openai", (404, {}, b"{}"), "status 404: check URL and NAME of the variables REBALANCE_MODEL_"),
    "redirect": ("openai", (302, {"Location": "http://192.0.2.1/"}, b""), "answers with status 302"),
    "page": ("openai", (200, {}, b"<html>"), "answers without JSON"),
    "other JSON": ("openai", (200, {}, b"[1]"), "it ended by None"),
    "no choice": ("openai", (200, {}, b'{"choices": []}'), "it ended by None"),
    "empty choice": ("openai", openai(""), "answers with no text"),
    "null": ("openai", openai(None), "answers with no text"),
    "too long a text": ("openai", openai("half", "length"), "it ended by 'length'"),
    "filter": ("openai", openai("", "content_filter"), "it ended by 'content_filter'"),
    "refusal": ("openai", openai(None, refusal="I cannot."), "did not write a whole answer"),
    "refusal of the other": ("anthropic", anthropic("", "refusal"), "it ended by 'refusal'"),
    "cut by the other": ("anthropic", anthropic("half", "max_tokens"), "it ended by 'max_tokens'"),
    "empty of the other": ("anthropic", anthropic(""), "answers with no text"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_a_sentence_without_the_key(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    provider, answer, says = FAULTS[fault]
    with models(answer) as server, pytest.raises(ModelError) as error:
        ask(server, provider)
    assert says in str(error.value)
    assert KEY not in f"{error.value!r} {caplog.text} {HttpModel('m', key=KEY)!r}"
    assert len(server.asked) == 1


def test_a_server_that_gives_no_answer_in_time_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "ANSWER", 0.05)
    with models(SILENT) as server, pytest.raises(ModelError, match=r"gave no whole answer in time"):
        ask(server)


def test_more_than_a_model_reads_is_not_sent() -> None:
    with models(openai("yes")) as server, pytest.raises(ModelError, match="more than 200,000 characters"):
        asyncio.run(HttpModel("m", "openai", server.address).complete([ModelMessage("user", "x" * 200_001)]))
    assert server.asked == []


def configured(**given: str) -> HttpModel | None:
    return configured_model({f"REBALANCE_MODEL_{name.upper()}": value for name, value in given.items()})


def test_no_model_is_the_default_and_one_is_what_the_environment_says() -> None:
    assert configured() is None
    assert configured(provider="none", name="m") is None
    local = configured(provider="openai", name="m", url="http://localhost:11434/v1/", cutoff="2024-06-30")
    assert local == HttpModel("m", "openai", "http://localhost:11434/v1/", cutoff=date(2024, 6, 30))
    assert local.address == "http://localhost:11434/v1"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"provider": "oracle", "name": "m"}, "PROVIDER is 'oracle': give one of none, openai, anthropic"),
        ({"provider": "openai"}, "NAME is ''"),
        ({"provider": "openai", "name": "m", "cutoff": "June"}, "CUTOFF is 'June'"),
        ({"provider": "openai", "name": "m", "url": "http://models.example/v1"}, "give an https address"),
        ({"provider": "openai", "name": "m", "url": f"https://{KEY}@models.example"}, "give an address such as"),
        ({"provider": "openai", "name": "m", "key": f"{KEY}\n"}, r"KEY is '\*\*\*': it has characters"),
        ({"provider": "openai", "name": "m", "url": "file:///etc/passwd"}, "give an address such as"),
    ],
)
def test_wrong_settings_are_refused(given: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        configured(**given)
