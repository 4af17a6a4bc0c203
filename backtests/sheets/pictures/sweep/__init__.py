"""Pictures of a sweep: heat maps, the efficient frontier, ladders of cost and lag, and what luck with the start was."""
