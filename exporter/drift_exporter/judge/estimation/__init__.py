"""Performance estimated before there are labels, and whether labels given the scores have changed."""
