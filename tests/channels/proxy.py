"""Fails like a network, between a store and its Redis."""

import asyncio
from types import TracebackType
from typing import Self


class Proxy:
    """Forwards bytes in both directions, between its own port and the port of Redis.

    `is_down`: refuses connections. `is_mute`: drops the answers of Redis; commands still arrive. `held`: delays an
    answer that contains these bytes until `release`. `is_holding`: is set when a command is held.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._swallowing: set[asyncio.StreamWriter] = set()
        self.is_down = False
        self.is_mute = False
        self.held: bytes | None = None
        self._released = asyncio.Event()
        self._held_command: bytes | None = None
        self._commands_released = asyncio.Event()
        self.is_holding = asyncio.Event()
        self.answers_lost = asyncio.Event()
        self.port = 0
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        self.release()
        self.release_commands()
        await self._server.wait_closed()

    def cut(self) -> None:
        """Aborts all connections."""
        for writer in self._writers:
            writer.transport.abort()

    def release(self) -> None:
        """Forwards the delayed answers."""
        self.held = None
        self._released.set()

    def hold_command(self, content: bytes) -> None:
        """Delays a command that contains these bytes, and what follows it, until `release_commands`."""
        self._held_command = content
        self._commands_released.clear()
        self.is_holding.clear()

    def release_commands(self) -> None:
        """Forwards the delayed commands."""
        self._held_command = None
        self._commands_released.set()

    def lead_to(self, port: int) -> None:
        """Forwards new connections to another port, and aborts the present ones."""
        self._target = port
        self.cut()

    def swallow(self) -> None:
        """Leaves the present connections open, but forwards nothing on them, in either direction."""
        self._swallowing |= self._writers

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_down:
            writer.transport.abort()
            return
        try:
            redis_reader, redis_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, redis_writer}
        try:
            forwarding = self._forward_commands(reader, redis_writer), self._forward_answers(redis_reader, writer)
            await asyncio.gather(*forwarding)
        finally:
            self._writers -= {writer, redis_writer}
            self._swallowing -= {writer, redis_writer}

    async def _forward_commands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                if self._held_command is not None and self._held_command in data:
                    self.is_holding.set()
                    await self._commands_released.wait()
                if writer not in self._swallowing:
                    writer.write(data)
        except OSError:
            pass
        writer.close()

    async def _forward_answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                if self.held is not None and self.held in data:
                    await self._released.wait()
                if self.is_mute:
                    self.answers_lost.set()
                elif writer not in self._swallowing:
                    writer.write(data)
        except OSError:
            pass
        writer.close()
