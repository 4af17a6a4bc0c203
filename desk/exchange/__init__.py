"""Venues: what they are asked for and say, and the sending of a ticket's orders to them."""
