"""The steps between schemas; `schema` takes them. docs/service_store.md says how one is added."""
