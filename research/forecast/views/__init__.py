"""Views on returns, from people and from forecasts, and how they move expected returns."""
