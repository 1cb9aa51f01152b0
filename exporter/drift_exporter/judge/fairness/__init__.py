"""Fairness: how differently a model treats the groups of an attribute."""
