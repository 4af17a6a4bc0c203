"""Attribution of returns, costs and differences to their sources, reconciled to the cent."""
