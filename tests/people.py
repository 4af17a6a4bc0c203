"""People who use a service: their password, what they send, and what they get."""

from typing import Any

from fastapi.testclient import TestClient

PASSWORD = "umbrella vines 7 glass"


def posted(client: TestClient, path: str, **body: Any) -> tuple[int, Any]:
    """Status and document of a POST to a path of the users."""
    answer = client.post(f"/api/users/{path}".rstrip("/"), json=body)
    return answer.status_code, answer.json() if answer.content else None


def bearer(token: str) -> dict[str, dict[str, str]]:
    """The keyword of a request that sends a token."""
    return {"headers": {"Authorization": f"Bearer {token}"}}
