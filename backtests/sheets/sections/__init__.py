"""The sections of a tearsheet."""
