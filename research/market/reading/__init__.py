"""Reading a market from files and frames, with its facts checked."""
