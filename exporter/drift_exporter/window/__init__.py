"""Windows are sums of event-time slices."""
