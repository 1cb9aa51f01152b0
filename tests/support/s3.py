"""An S3 server on loopback that can be taken away and brought back with what it holds."""

from typing import Any, Self
from uuid import uuid4

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

from support.servers import free_port

KEY, SECRET = "test-key", "test-secret"


class S3:
    """A server with one bucket of its own. What it holds is in this process, and outlives an interruption."""

    def __init__(self) -> None:
        self.port = free_port()
        self.bucket = f"bucket-{uuid4().hex}"
        self._server: ThreadedMotoServer | None = None
        self.start()
        self.client = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(retries={"max_attempts": 0}),
        )
        self.client.create_bucket(Bucket=self.bucket)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def options(self) -> dict[str, Any]:
        """Options to reach it that are no secrets."""
        return {"endpoint_url": self.url, "key": KEY, "client_kwargs": {"region_name": "us-east-1"}}

    def start(self) -> None:
        """Answer, again."""
        self._server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def put(self, key: str, content: bytes) -> None:
        """Write an object."""
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content)

    def delete(self, key: str) -> None:
        """Delete an object."""
        self.client.delete_object(Bucket=self.bucket, Key=key)

    def close(self) -> None:
        """End the server, and forget what it holds."""
        if self._server is not None:
            for each in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", ()):
                self.delete(each["Key"])
            self.client.delete_bucket(Bucket=self.bucket)
            self.stop()
        self.client.close()
