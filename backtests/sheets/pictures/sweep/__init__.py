"""Pictures of a sweep: heat maps, the efficient frontier, ladders of cost and lag, and the effect of the start date."""
