"""Records that a server gives when it is asked for them."""
