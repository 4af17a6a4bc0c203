"""People who use a service: their password, what they send, and what they get; a portfolio of theirs."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import select, update

from desk.service.caller import Caller, Service
from desk.service.store.tables import AccessToken, Share, Table, User
from foundation.files import ROOT

PASSWORD = "umbrella vines 7 glass"
SHIPPED = ROOT / "data" / "portfolios"
SIXTY_FORTY = (SHIPPED / "sixty_forty.yaml").read_text()
YAML = {"Content-Type": "text/yaml"}
SignedIn = Callable[..., TestClient]


def posted(client: TestClient, path: str, **body: Any) -> tuple[int, Any]:
    """Status and document of a POST to a path of the users."""
    answer = client.post(f"/api/users/{path}".rstrip("/"), json=body)
    return answer.status_code, answer.json() if answer.content else None


def bearer(token: str) -> dict[str, dict[str, str]]:
    """The keyword of a request that sends a token."""
    return {"headers": {"Authorization": f"Bearer {token}"}}


def stored(client: TestClient, text: str = SIXTY_FORTY, of: str = "") -> str:
    """The id of a portfolio that a client of the API has sent. of : the client whose it is."""
    made = client.post("/api/portfolios", params={"client": of}, content=text, headers=YAML)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def caller_of(client: TestClient) -> Caller:
    """The user of a client with an access token."""
    token = client.headers["Authorization"].removeprefix("Bearer ")
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    with service.sessions() as session:
        own = AccessToken.sha256 == sha256(token.encode()).hexdigest()
        user = session.scalars(select(User).join(AccessToken, AccessToken.user == User.id).where(own)).one()
    return Caller(user.id, user.name, user.tenant, user.role)


def share(portfolio: str, client: TestClient, *, writes: bool = False) -> None:
    """Share a portfolio with the user of a client."""
    with client.app.state.service.sessions.begin() as session:  # type: ignore[attr-defined]
        session.merge(Share(portfolio=portfolio, user=caller_of(client).user, writes=writes))


def update_all(service: Service, table: type[Table], **values: Any) -> None:
    """Give all rows of a table these values."""
    with service.sessions.begin() as session:
        session.execute(update(table).values(**values))
