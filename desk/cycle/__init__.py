"""The decision cycle: watch a portfolio, weigh what it could do, decide, and remember.

monitor : readings of a portfolio against the levels of its file.  alternatives : lists that it could send.
analysis : each of them played through years to come.  decision : one of them, its controls and its priorities.
cycle : a whole cycle and its record.  screen : the record in words.
"""
