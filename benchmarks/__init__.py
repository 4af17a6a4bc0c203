"""How fast, against whom: one module a question, each run by name (`python -m benchmarks.engine`) or all together."""
