"""Objects in a store, each read once."""
