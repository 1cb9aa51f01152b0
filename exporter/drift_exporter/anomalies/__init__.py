"""Odd single records: which are scored, counted by how odd they are, judged, and the oddest of them kept."""
