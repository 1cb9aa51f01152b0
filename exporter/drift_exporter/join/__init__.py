"""Labels that come late, joined to their predictions by id."""
