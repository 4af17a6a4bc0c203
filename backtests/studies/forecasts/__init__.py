"""Walk-forward evaluation of forecasts: their skill with intervals, and their value after costs."""
