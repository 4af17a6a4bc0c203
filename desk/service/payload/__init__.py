"""The payload endpoint: one request with weights, prices and returns, one answer with orders and figures."""
