"""The configuration: its schema, and its reading with positions so that every error names a line."""

from drift_exporter.config.check import Checked, check_config
from drift_exporter.config.dump import masked_dump
from drift_exporter.config.infer import infer_config
from drift_exporter.config.load import load_config
from drift_exporter.config.schema import Config, Model
from drift_exporter.config.values import Window

__all__ = [
    "Checked",
    "Config",
    "Model",
    "Window",
    "check_config",
    "infer_config",
    "load_config",
    "masked_dump",
]
