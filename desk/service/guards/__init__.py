"""Guards that stand before every route: pure ASGI, an idea each. `app` states their order."""
