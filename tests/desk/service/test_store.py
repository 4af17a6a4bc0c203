"""The database: the same in SQLite and in PostgreSQL."""

from desk.service.store.engine import opened
from desk.service.store.tables import Tenant


def test_what_is_written_is_read(database_url: str) -> None:
    with opened(database_url).begin() as session:
        session.add(Tenant(name="house"))
    with opened(database_url)() as session:
        assert session.get(Tenant, "house")
