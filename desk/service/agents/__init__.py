"""The decision cycle over HTTP: what its agents may do, a cycle of a payload, and its briefing."""
