"""The steps between schemas; `schema` takes them. docs/service_operation.md#the-store says how one is added."""
