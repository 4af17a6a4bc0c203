"""The commands about today's holdings: their target, forecasts, risk, and the plan that they shall pay for."""
