"""Commands of the decision cycle: a cycle, its records, the watcher, alerts, the live record, and governance."""
