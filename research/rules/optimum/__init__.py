"""Optimal rules of markets whose moments are known, and bounds on what any rule can reach."""
