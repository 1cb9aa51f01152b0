"""A configuration as YAML text, fit to be shown."""

import yaml

from drift_exporter.config.mask import mask
from drift_exporter.config.schema import Config


def masked_dump(config: Config) -> str:
    """YAML of the whole configuration with defaults filled in and secrets hidden.

    Where there are no secrets, the text is itself a configuration that loads as an equal one.
    """
    data = mask(config.model_dump(mode="json", exclude_none=True))
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110)
