"""The service: what the command line gives, over HTTP. Nothing is computed a second way."""
