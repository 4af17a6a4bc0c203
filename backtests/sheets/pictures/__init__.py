"""Pictures of a comparison: drawn for a wide page and for a phone, each with its caption, its words and its numbers."""
