"""What is wrong with Kafka's brokers, topics or permissions, until it is known to be over."""

import logging
import time
from collections.abc import Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException

from drift_exporter.sources.kafka.client import stable
from drift_exporter.sources.kafka.settings import KafkaSettings

log = logging.getLogger(__name__)

_REFUSED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)
"""Brokers answer, but not to us: only messages or partitions show that this is over."""

_CAUSES = frozenset({KafkaError._TRANSPORT, KafkaError._RESOLVE})  # noqa: SLF001  # their public names
_AUTHENTICATION = frozenset({KafkaError._AUTHENTICATION, KafkaError._SSL})  # noqa: SLF001  # as above
_INTERVAL, _PATIENCE = 2.0, 0.5


class Trouble:
    """What is wrong, in words; None where nothing is known to be. ``fatal``: the client is of no use now."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.text: str | None = None
        self.fatal = False
        self._settings = settings
        self._brokers = ",".join(settings.brokers)
        self._code: int | None = None
        self._cause: str | None = None
        self._probed = 0.0

    def note(self, error: KafkaError) -> None:
        """Take note of an error of the client."""
        code, said = error.code(), stable(error.str())
        if error.fatal():
            self.fatal = True
        elif code in _CAUSES:
            # A connection may end at any time, and is made anew.
            self._cause = said
            return
        elif code == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001  # its public name
            if self._code in _AUTHENTICATION:
                return
            said = "no broker can be reached" + (f": {self._cause}" if self._cause else "")
        if code != self._code:
            # The same error again may be told with other numbers in it.
            self.text, self._code = f"kafka {self._brokers}: {said}", code

    def note_text(self, text: str) -> None:
        """Take note of what does not come from the client."""
        self.text, self._code = f"kafka {self._brokers}: {text}", None

    def served(self) -> None:
        """A broker gave what it may have refused before."""
        if self._code in _REFUSED:
            self._over()

    def probe(self, consumer: Consumer) -> None:
        """Find out, now and then, whether it is over; takes half a second at most."""
        if self.text is None or self._code in _REFUSED or time.monotonic() < self._probed + _INTERVAL:
            return
        self._probed = time.monotonic()
        try:
            found = consumer.list_topics(timeout=_PATIENCE).topics
        except KafkaException as error:
            log.debug("kafka %s: %s", self._brokers, error)
            return
        missing = [name for name in self._settings.topics if not name.startswith("^") and name not in found]
        if missing:
            self.note_missing(missing)
        else:
            self._over()

    def note_missing(self, topics: Sequence[str]) -> None:
        """Take note of topics that there are not."""
        if topics:
            self._code = KafkaError.UNKNOWN_TOPIC_OR_PART
            self.text = f"kafka {self._brokers}: no topic {', '.join(topics)}; make it, or mend topic"

    def _over(self) -> None:
        self.text = self._code = self._cause = None
