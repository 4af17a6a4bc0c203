"""A run: its folder, its manifest, and the notebook that is executed into it."""
