"""Where returns, costs and differences came from, reconciled to the cent."""
