"""What is read in a browser or in a notebook: tearsheets, sweep and laboratory pages, policy cards."""
