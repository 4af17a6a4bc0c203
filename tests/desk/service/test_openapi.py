"""What the routes answer is what the OpenAPI document says, whatever they are asked."""

from collections.abc import Callable

from asked_routes import ask_all
from fastapi.testclient import TestClient


def test_answers_are_those_of_the_document(signed_in: Callable[..., TestClient]) -> None:
    answers = ask_all(signed_in("admin"), each=1)
    assert all(answers.values())
    assert not any(429 in of for of in answers.values())
