"""Orders of one list divided over several accounts."""
