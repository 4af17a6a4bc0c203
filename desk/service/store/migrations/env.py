"""Alembic runs this module, within the transaction of `schema.changed_alone`."""

from alembic import context

from desk.service.store.tables import Table

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Table.metadata, render_as_batch=True
)
context.run_migrations()
