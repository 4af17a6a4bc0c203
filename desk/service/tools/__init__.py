"""Tools of the Model Context Protocol (MCP): what the API gives and takes, for an assistant that acts for a user."""
