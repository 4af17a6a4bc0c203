"""Market data of today: fetched from its sources, checked, and kept in the store of prices."""
