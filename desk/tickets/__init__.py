"""Tickets that a person signs and a broker takes, from trade lists of one account or many."""
