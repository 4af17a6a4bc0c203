"""What a notebook shows with a pointer: interactive figures."""
