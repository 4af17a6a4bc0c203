"""Simple signals of past returns, the return that each expects with its error, and their blend."""
