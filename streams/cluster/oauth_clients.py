"""The token providers that the two client libraries ask for."""

import asyncio

from aiokafka.abc import AbstractTokenProvider as AiokafkaTokenProvider
from kafka.net.sasl.oauth import AbstractTokenProvider as KafkaPythonTokenProvider

from streams.cluster.oauth import TokenSource


class KafkaPythonToken(KafkaPythonTokenProvider):  # type: ignore[misc]  # kafka-python is not typed
    """For kafka-python."""

    def __init__(self, source: TokenSource) -> None:
        super().__init__()
        self._source = source

    def token(self) -> str:
        """The token at hand, or a new one."""
        return self._source.token()


class AiokafkaToken(AiokafkaTokenProvider):  # type: ignore[misc]  # its types are not followed
    """For aiokafka: the file or the server is asked in a thread, the event loop goes on."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    async def token(self) -> str:
        """The token at hand, or a new one."""
        return await asyncio.to_thread(self._source.token)
