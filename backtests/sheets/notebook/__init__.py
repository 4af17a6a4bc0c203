"""Interactive figures of notebooks."""
