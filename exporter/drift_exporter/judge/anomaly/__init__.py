"""Records that are unlike those of the reference: detectors, percentiles, and how sure one may be of many."""
