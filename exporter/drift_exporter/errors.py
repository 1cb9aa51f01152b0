"""Every error that this package raises on purpose.

::

    DriftExporterError                 exit status 1
    +-- ConfigurationError             exit status 2: the file, the line, what is wrong, what would be right
    +-- ReferenceFileError             a reference cannot be built, read or used
    +-- SourceError                    a source cannot be read
    +-- StateError                     the saved state cannot be read, written or used
    +-- DecodeError                    a file is not in the format that was configured
    +-- BundleError                    dashboards, rules or provisioning cannot be written or imported

Messages say what was wrong, where, and what to do.
"""


class DriftExporterError(Exception):
    """Base of all errors raised on purpose; its text is written for the user."""


class ConfigurationError(DriftExporterError):
    """The configuration cannot be used. One problem a line: ``file:line: key.path: wrong; right``."""


class ReferenceFileError(DriftExporterError):
    """A reference cannot be built, read or used."""


class SourceError(DriftExporterError):
    """A source cannot be read: which path, why, and what would help."""


class ChunkTooLargeError(DriftExporterError):
    """A chunk holds more records than there is memory for; a smaller one is wanted."""


class DecodeError(DriftExporterError):
    """A file as a whole is not in the format that was configured."""


class StateError(DriftExporterError):
    """The saved state cannot be read, written or used: which file, why, and the way out."""


class BundleError(DriftExporterError):
    """Dashboards, rules, routing or provisioning cannot be written or imported: what, why, and what to do."""
