"""Expose renders snapshots: metrics, pages, and the web application."""
