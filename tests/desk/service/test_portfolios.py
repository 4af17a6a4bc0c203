"""Portfolios over HTTP: who sees them, their versions, what is refused, and their figures."""

from collections.abc import Callable

from fastapi.testclient import TestClient

from foundation.files import ROOT

SIXTY_FORTY = (ROOT / "data" / "portfolios" / "sixty_forty.yaml").read_text()
YAML = {"Content-Type": "text/yaml"}
SignedIn = Callable[..., TestClient]


def test_a_portfolio_is_given_back_as_it_was_written(signed_in: SignedIn) -> None:
    client = signed_in()
    made = client.post("/api/portfolios?client=Jones", content=SIXTY_FORTY, headers=YAML)
    assert made.status_code == 201
    assert client.get(made.headers["Location"], headers={"Accept": "text/yaml"}).text == SIXTY_FORTY
