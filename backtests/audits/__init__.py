"""Audits: does a policy look ahead, what would smoothed regimes claim, and is less exposure all that was gained?"""
