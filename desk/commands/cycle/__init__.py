"""Commands of the decision cycle: a cycle, its records, the watcher, alerts, the live record, and governance."""

PERSON_ASKED = 3  # exit status where a person is asked
