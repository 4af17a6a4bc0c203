"""Pages for a browser or a notebook: tearsheets, sweep and laboratory pages, policy cards."""
