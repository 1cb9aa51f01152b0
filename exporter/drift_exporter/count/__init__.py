"""Count turns arrays into counts per bin."""
