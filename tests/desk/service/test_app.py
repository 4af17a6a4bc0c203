"""The application: who is let in, and the form of its errors."""

from fastapi.testclient import TestClient

from desk.service.problems import MEDIA_TYPE


def test_health_answers_without_sign_in(client: TestClient) -> None:
    assert client.get("/api/health").json()["status"] == "ok"


def test_an_unknown_path_is_a_problem(client: TestClient) -> None:
    answer = client.get("/api/nothing")
    assert (answer.status_code, answer.headers["content-type"]) == (404, MEDIA_TYPE)
    assert answer.json()["title"] == "Not Found"
