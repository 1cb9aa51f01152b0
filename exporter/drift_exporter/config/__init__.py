"""The configuration: its schema, and its reading with positions so that every error names a line."""
