"""The identity of a caller: passwords, passkeys, OpenID Connect, sessions and access tokens."""
