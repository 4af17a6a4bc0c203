"""What has a clock, a network, a secret or a person's approval: tickets, commands, and the command line."""
