"""All that needs a clock, a network, a secret or a person's approval: tickets, commands, the command line."""
