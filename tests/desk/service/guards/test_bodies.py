"""Bodies that are too large, compressed, or end early."""

import gzip
import zlib
from collections import Counter

import pytest
from fastapi.testclient import TestClient
from people import SignedIn

from desk.service.guards import bodies
from desk.service.guards.bodies import MAX_BODY


def test_two_gigabytes_are_refused_by_their_length(client: TestClient) -> None:
    for method in ("POST", "PUT", "GET"):
        for length in ("2000000000", "9" * 400):
            answer = client.request(method, "/api/health", headers={"Content-Length": length}, content=b"")
            assert (answer.status_code, answer.headers["connection"]) == (413, "close")


def test_a_body_may_have_the_whole_size_and_no_byte_more(signed_in: SignedIn, ran: Counter[str]) -> None:
    client, start = signed_in(), b'{"a": 1'
    whole = start + b" " * (MAX_BODY - len(start) - 1) + b"}"
    json = {"Content-Type": "application/json"}
    assert client.post("/items", content=whole, headers=json).status_code == 201
    assert client.post("/items", content=whole + b" ", headers=json).status_code == 413
    assert ran["items"] == 1


def test_a_zip_bomb_is_not_unpacked(signed_in: SignedIn, ran: Counter[str]) -> None:
    bomb, client = bytes(10**7), signed_in()
    packed = {"gzip": gzip.compress(bomb), "deflate": zlib.compress(bomb), "gzip, gzip": gzip.compress(bomb), "br": b""}
    for encoding, body in packed.items():
        answer = client.post("/items", content=body, headers={"Content-Encoding": encoding})
        assert answer.status_code == 415
        assert "Content-Encoding" in answer.json()["detail"]
    assert not ran


@pytest.mark.parametrize("limit", ["MAX_BUFFERED", "MAX_OF_ADDRESS"])
def test_all_bodies_together_have_a_limit_and_give_back_what_they_took(
    signed_in: SignedIn, ran: Counter[str], monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(bodies, limit, 100)
    client = signed_in()
    assert client.post("/items", content=b'{"a": 1}'.ljust(101)).headers["retry-after"] == "5"
    for _ in range(20):
        assert client.post("/items", json={"a": 1}).status_code == 201
