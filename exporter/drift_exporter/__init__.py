"""Prometheus exporter for machine-learning models in production.

The folders follow the path of a record: ``sources`` -> ``decode`` -> ``count`` -> ``window`` -> ``judge``
-> ``expose``. No module imports one that stands later in that path.
"""

__version__ = "0.1.0"
