"""Who a caller is: passwords, passkeys, OpenID Connect, sessions and access tokens."""
