"""What forecasts are good for: walked forward, their skill with intervals, and what they are worth after costs."""
