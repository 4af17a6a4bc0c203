"""The routes, a module a subject. Each module has a `router`; `app` lists them."""
