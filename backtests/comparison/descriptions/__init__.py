"""Descriptions of a comparison beside its verdict: attribution, behaviour, capacity, stress."""
