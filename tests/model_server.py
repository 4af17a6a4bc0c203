"""A server of this machine that answers as language models do, in OpenAI's and in Anthropic's format, with faults."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from local_server import Handler, serving_locally

Answer = tuple[int, dict[str, str], bytes]
CUT, SILENT = "cut", "silent"  # answers: half of one, and none
KEY = "sk-TEST0123456789abcdef"


def openai(text: str | None, end: str = "stop", **message: Any) -> Answer:
    """An answer in the format of chat completions."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": end}
    usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
    content = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return 200, {}, json.dumps(content | {"usage": usage}).encode()


def anthropic(text: str, end: str = "end_turn") -> Answer:
    """An answer in the format of messages."""
    blocks = [{"type": "text", "text": text}] if text else []
    content = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": blocks}
    usage = {"input_tokens": 9, "output_tokens": 9}
    return 200, {}, json.dumps(content | {"stop_reason": end, "stop_sequence": None, "usage": usage}).encode()


@dataclass
class ModelServer:
    """What a server of models has.

    answers : answers in turn, or by the content of a request; the last one stays.
    asked   : requests so far: path, headers with lower-case names, content.
    """

    answers: list[Answer | str] | Callable[[dict[str, Any]], Answer]
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    def answer(self, content: dict[str, Any]) -> Answer | str:
        if callable(self.answers):
            return self.answers(content)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class _Models(Handler):
    served: ModelServer

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.served.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}, content))
        answer = self.served.answer(content)
        if answer == SILENT:
            self.served.over.wait(30)
            return
        status, headers, body = openai("half of a text") if isinstance(answer, str) else answer
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if answer == CUT else body)
        self.close_connection = True


@contextmanager
def models(*answers: Answer | str | Callable[[dict[str, Any]], Answer]) -> Iterator[ModelServer]:
    """A server while the block lasts, with these answers in turn, or one function of a request."""
    served = ModelServer(answers[0] if callable(answers[0]) else list(answers))  # type: ignore[arg-type]
    with serving_locally(served, _Models):
        yield served
