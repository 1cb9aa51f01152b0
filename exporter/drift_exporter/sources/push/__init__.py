"""What is sent to the exporter: kept in a spool until it is counted."""
