"""The download of one file: it goes on where an earlier one stopped, can be stopped at any moment, and is verified.

docs/adr/0028-the-base-is-fetched-by-our-own-loop.md says why the hub's own client does not do this.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Protocol, TypeVar

from scriptorium.contracts import Level
from scriptorium.errors import BaseModelUnusable
from scriptorium.models.hub import TIMEOUT, HubFile, first_line

PIECE_BYTES = 1 << 17
BLOCK_BYTES = 1 << 20
CHECK_INTERVAL = 0.2  # seconds
TAG = "[DATA]"
MAX_FAILURES = 6  # one after the other, without a byte in between
PAUSE = 1.0  # seconds after the first of them; then twice as long each time
MAX_PAUSE = 30.0
TEMPORARY_STATUSES = (408, 429, 500, 502, 503, 504)
SHA256_LENGTH = 64

Check = Callable[[], None]  # raises to stop
Source = Callable[[int], Generator[tuple[int, bytes], None, None]]  # from an offset: pieces with their own offsets
T = TypeVar("T")


class FetchReporter(Protocol):
    """The part of a phase's reporter that a fetch uses."""

    def message(self, text: str, level: Level = Level.INFO, **data: Any) -> None:
        """Report something to a person, in one line; `data` is for machines."""

    def check(self) -> None:
        """Raise Stopped if the phase should stop."""


def download(
    file: HubFile,
    source: Source,
    part: Path,
    reporter: FetchReporter,
    *,
    count: Callable[[int], None],
    pause: float = PAUSE,
) -> None:
    """Append to `part` what it lacks of a file, then verify it; a lost connection is taken up again, after a pause.

    `count` hears how many bytes came, a negative number if some were lost. Raises the hub's last error,
    BaseModelUnusable if the content is not what the hub announced, or what `reporter.check` raises.
    """
    retries = Retries(reporter, pause)
    with part.open("ab") as target:
        if target.tell() > file.size:
            count(-file.size)
            target.truncate(0)
        while (size := target.seek(0, os.SEEK_END)) < file.size:
            try:
                append(interruptible(source(size), reporter.check), target.fileno(), size, count, file.size)
                check_end(target.seek(0, os.SEEK_END), file)
            except hub_exceptions() as error:
                if target.seek(0, os.SEEK_END) > size:
                    retries.failures = 0
                retries.wait(error)
        os.fsync(target.fileno())
    if compute_digest(part, file, reporter.check) != file.digest:
        part.unlink()
        raise BaseModelUnusable(
            f"{file.name} did not arrive intact.", param=file.name, next_step="Create the job again."
        )


class Retries:
    """The failures of one request in a row, with a growing pause after each."""

    def __init__(self, reporter: FetchReporter, pause: float) -> None:
        self.failures = 0
        self._reporter = reporter
        self._pause = pause

    def wait(self, error: Exception) -> None:
        """Wait before the request is made again; raises the error if that is of no use, or what `check` raises."""
        self.failures += 1
        if self.failures > MAX_FAILURES or not is_temporary(error):
            raise error
        seconds = min(MAX_PAUSE, self._pause * 2.0 ** (self.failures - 1))
        if self.failures > 1:
            text = f"{TAG} The hub does not answer ({first_line(error)}); trying again in {seconds:.0f} s."
            self._reporter.message(text, Level.WARN)
        sleep(seconds, self._reporter.check)


def ask(action: Callable[[], T], reporter: FetchReporter, pause: float = PAUSE) -> T:
    """Return what `action` asks the hub for; a failure that may pass is tried again. Raises as `download` does."""
    retries = Retries(reporter, pause)
    while True:
        try:
            return next(interruptible((action() for _ in range(1)), reporter.check))
        except hub_exceptions() as error:
            retries.wait(error)


def check_end(size: int, file: HubFile) -> None:
    """Raise TransportError if an answer ended before the file did."""
    from httpx2 import RemoteProtocolError

    if size < file.size:
        raise RemoteProtocolError(f"{file.name} ends after {size:,} of {file.size:,} bytes")


def append(
    pieces: Iterator[tuple[int, bytes]], target: int, size: int, count: Callable[[int], None], limit: int
) -> None:
    """Write pieces to the end of a file of `size` bytes, up to the first one past the limit.

    A server that knows no ranges sends the file from its beginning.
    """
    for offset, piece in pieces:
        if size > limit:
            return
        if offset < size:
            os.truncate(target, offset)
            count(offset - size)
            size = offset
        written = 0
        while written < len(piece):
            written += os.write(target, piece[written:])
        size += written
        count(written)


def read_file(url: str, offset: int) -> Generator[tuple[int, bytes], None, None]:
    """Yield the content at a hub's address from an offset on, as pieces with their offsets; proxies are honoured."""
    from huggingface_hub import get_session, hf_raise_for_status
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    headers = build_hf_headers() | {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    with get_session().stream("GET", url, headers=headers, timeout=TIMEOUT) as response:
        hf_raise_for_status(response)
        position = offset if response.status_code == 206 else 0
        for piece in response.iter_bytes(PIECE_BYTES):
            yield position, piece
            position += len(piece)


def interruptible(source: Generator[T, None, None], check: Check) -> Iterator[T]:
    """Yield what `source` yields, which a thread reads ahead; raises what `check` raises even while nothing comes."""
    end = object()
    executor = ThreadPoolExecutor(1, thread_name_prefix="fetch")
    try:
        pending = executor.submit(next, source, end)
        while True:
            while not wait([pending], CHECK_INTERVAL).done:
                check()
            piece = pending.result()
            if piece is end:
                return
            pending = executor.submit(next, source, end)
            check()
            yield piece  # type: ignore[misc]  # it is not the end
    finally:
        executor.submit(source.close)  # by the thread, which may still wait for a byte
        executor.shutdown(wait=False)


def hub_exceptions() -> tuple[type[Exception], ...]:
    """Return what the hub's client raises for a lost connection and for an answer that is no success."""
    from httpx2 import TransportError
    from huggingface_hub.errors import HfHubHTTPError

    return TransportError, HfHubHTTPError


def is_temporary(error: Exception) -> bool:
    """Return whether the same request may succeed a little later."""
    from huggingface_hub.errors import HfHubHTTPError

    return not isinstance(error, HfHubHTTPError) or error.response.status_code in TEMPORARY_STATUSES


def sleep(seconds: float, check: Check) -> None:
    """Wait; raises what `check` raises."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        check()
        time.sleep(min(left, CHECK_INTERVAL))


def compute_digest(path: Path, file: HubFile, check: Check) -> str:
    """Return the digest of a file's content as the hub computes it."""
    if len(file.digest) == SHA256_LENGTH:
        digest = hashlib.sha256()
    else:
        digest = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
    with path.open("rb") as content:
        while block := content.read(BLOCK_BYTES):
            check()
            digest.update(block)
    return digest.hexdigest()
