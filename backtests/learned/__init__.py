"""What a learned policy is worth and how it is used: its gap to the optimum, its figures, its card as a page."""
