"""Judge compares windows with their reference and says how sure it is."""
