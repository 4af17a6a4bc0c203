"""Pictures of a learned policy: how it learned, what it looks at, and what it does."""
