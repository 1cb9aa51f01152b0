"""Predictions and the labels that come for them: read, joined, counted, and judged."""
