"""Pictures of a learned policy: its training, its features, and its trades."""
