"""Sources yield chunks of raw bytes with a position that can be resumed."""
