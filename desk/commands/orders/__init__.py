"""The commands on orders: trade lists of one portfolio or many accounts, books of what is held, and the journal."""
