"""Realised performance: what predictions were worth, once their labels are in."""
