"""What is not known of figures: intervals, tests, and corrections for what was tried."""
