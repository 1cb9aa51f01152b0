"""Signals of what models run on: asked of a Prometheus server, forecast, and correlated with models."""
