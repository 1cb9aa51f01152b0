"""Metric series with what was expected of them: bands, anomalies, and which of them move together."""
