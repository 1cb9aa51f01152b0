"""Concept drift on streams of values, such as whether each prediction was wrong: detectors with a state."""
