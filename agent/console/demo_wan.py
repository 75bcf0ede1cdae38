"""A line between one simulated room and the broker that can be cut, as a WAN is: our own relay on loopback."""

import asyncio
import threading
from contextlib import suppress

CHUNK_BYTES = 65_536

End = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Wan:
    """Hands every connection on to a port of this machine. While it is cut, connections break and new ones with them.

    Thread: any; the relay runs on a thread of its own.
    """

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="wan", daemon=True)
        self._relays: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._listens = threading.Event()
        self._stop = asyncio.Event()
        self.is_cut = False
        self.port = 0

    @property
    def url(self) -> str:
        """The address of its near end."""
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen on a free port."""
        self._thread.start()
        self._listens.wait()

    def cut(self, is_cut: bool) -> None:
        """Break it, or mend it."""
        if is_cut != self.is_cut:
            self.is_cut = is_cut
            self._loop.call_soon_threadsafe(self._break)

    def close(self) -> None:
        """End, and break what is open."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(5)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = int(server.sockets[0].getsockname()[1])
        self._listens.set()
        await self._stop.wait()
        server.close()
        self.is_cut = True
        self._break()
        if self._relays:
            await asyncio.wait(self._relays)

    def _break(self) -> None:
        if self.is_cut:
            for writer in self._writers:
                writer.transport.abort()

    def _take(self, near: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._relay(near, near_writer))
        self._relays.add(task)
        task.add_done_callback(self._relays.discard)

    async def _relay(self, near: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
        if not self.is_cut:
            with suppress(OSError):
                far, far_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
                await self._hand_on((near, near_writer), (far, far_writer))
        near_writer.transport.abort()

    async def _hand_on(self, near: End, far: End) -> None:
        ends = {near[1], far[1]}
        self._writers |= ends
        self._break()  # it may have been cut meanwhile
        try:
            await asyncio.gather(_pump(near[0], far[1]), _pump(far[0], near[1]))
        finally:
            self._writers -= ends
            far[1].transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction; its end ends the other."""
    with suppress(OSError):
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    writer.close()
