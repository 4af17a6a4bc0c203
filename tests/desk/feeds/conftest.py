"""Stores that are brought up to date from a server of this machine."""

from pathlib import Path

import pytest
from provider_server import own_certificate


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A key of the source, no bar of progress, and one certificate to trust, which is quick to read."""
    monkeypatch.setenv("SSL_CERT_FILE", str(own_certificate(tmp_path / "own.pem")))
    monkeypatch.setenv("SOURCE_API_KEY", "s3cret")
    monkeypatch.setenv("TQDM_DISABLE", "1")
