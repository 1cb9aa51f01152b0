"""What outlives the process: counts, counters and positions, saved together."""
