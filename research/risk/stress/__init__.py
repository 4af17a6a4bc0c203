"""Stress: named episodes of the past and hypothetical shocks."""
