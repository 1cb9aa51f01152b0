"""Requests that bring predictions: checked, made to lines, and answered once those are durable."""
