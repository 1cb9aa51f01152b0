"""The exporter itself: what is pushed to it is sent again until it is acknowledged."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

PATIENCE = 120.0
URL = "{}/v1/predictions/fraud"


class PushHarness:
    """A sender that never gives up. Ids make what it has to send again count once."""

    can_be_interrupted = False
    repeats = True
    reads_once = False

    def __init__(self, folder: Path) -> None:
        del folder
        self._session = requests.Session()

    def source(self) -> dict[str, Any]:
        """The model that is pushed to."""
        return {"type": "push"}

    def predictions(self) -> dict[str, Any]:
        """What comes twice counts once."""
        return {"deduplicate": "24h"}

    def publish(self, lines: Sequence[bytes], exporter: str) -> None:
        """Push the lines until they are acknowledged."""
        body = b"\n".join(lines)
        end = time.monotonic() + PATIENCE
        while not self._is_taken(body, exporter):
            if time.monotonic() > end:
                raise TimeoutError(f"not taken within {PATIENCE:g} s")
            time.sleep(0.05)

    def interrupt(self) -> None:
        """There is nothing but the exporter."""
        raise NotImplementedError

    def recover(self) -> None:
        """There is nothing but the exporter."""
        raise NotImplementedError

    def place(self, number: int) -> tuple[str, int] | None:
        """Where lines land depends on how often they had to be sent."""
        del number

    def close(self) -> None:
        """End the session."""
        self._session.close()

    def _is_taken(self, body: bytes, exporter: str) -> bool:
        headers = {"Content-Type": "application/x-ndjson"}
        try:
            answer = self._session.post(URL.format(exporter), data=body, headers=headers, timeout=30)
        except requests.RequestException:
            return False
        assert answer.status_code in {202, 429, 503}, answer.text
        return answer.status_code == 202
