"""The formats of sources: each adapter says what to ask, and makes rows of what is answered."""
