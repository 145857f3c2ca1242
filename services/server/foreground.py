"""One vLLM in the foreground, for a person at a terminal: no store, no lease, no reconciler.

    with ForegroundEngine(plan, settings, port=8002) as engine:
        engine.load(print)
        engine.run()

It ends with the block, however that ends, and takes every process that it started with it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import NoReturn, Self

import httpx

from scriptorium.errors import Conflict, EngineFailed
from scriptorium.planning.this_machine import gpu_index
from scriptorium.process.child import Child
from scriptorium.process.device_memory import GIB, read_device_memory
from scriptorium.process.log_files import OLD_LOGS, keep_rotating, old_log
from scriptorium.process.ports import is_free
from scriptorium.settings import Settings
from services.server.engine import STOP_GRACE, EnginePlan, make_command, make_environment
from services.server.failures.engine_failures import find_cause

POLL_INTERVAL = 0.5  # seconds
LOG_PREFIX = "vllm-by-hand-"
STAGES = (  # what vLLM logs, in its order, and what it means
    (re.compile(r"Resolved architecture: (\w+)"), "the model is a {}"),
    (re.compile(r"Starting to load model"), "loading the weights"),
    (re.compile(r"Loading \w+ checkpoint shards: +(\d+)%"), "loading the weights: {} %"),
    (re.compile(r"Loading weights took ([\d.]+) seconds"), "the weights are loaded, in {} s"),
    (
        re.compile(r"torch\.compile takes|Dynamo bytecode|Compiling a graph"),
        "compiling; this is kept for the next time",
    ),
    (re.compile(r"KV cache size: ([\d,]+) tokens"), "the key-value cache holds {} tokens"),
    (re.compile(r"Capturing CUDA graphs"), "capturing CUDA graphs"),
    (re.compile(r"Starting vLLM server"), "its server starts"),
)
CACHE_SIZE = re.compile(r"KV cache size: ([\d,]+) tokens")


class ForegroundEngine:
    """A vLLM that lives as long as its `with` block."""

    def __init__(self, plan: EnginePlan, settings: Settings, port: int, extra: Sequence[str] = ()) -> None:
        self.url = f"http://{settings.engine_host}:{port}"
        self.log = settings.logs / f"{LOG_PREFIX}{port}.log"
        self._plan, self._settings, self._port, self._extra = plan, settings, port, extra
        self._child: Child | None = None

    def __enter__(self) -> Self:
        """Start vLLM. Raises EnvironmentMissing, and Conflict if the port or the card's memory is taken."""
        if not is_free(self._port, self._settings.engine_host):
            raise Conflict(
                f"Port {self._port} is taken.", param="--port", next_step="Stop what listens there, or name another."
            )
        check_memory(self._settings)
        for path in (self.log, *(old_log(self.log, number) for number in range(1, OLD_LOGS + 1))):
            path.unlink(missing_ok=True)  # of the last engine on this port
        command = make_command(self._plan, self._settings, self._port, self._extra)
        self._child = Child(command, self.log, make_environment(self._settings))
        keep_rotating(self.log.parent, self.log.name, self._settings.max_log_bytes)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop vLLM and everything that it started."""
        if self._child:
            self._child.stop(STOP_GRACE)

    def load(self, report: Callable[[str], None]) -> None:
        """Wait until vLLM answers, and report the stage of its start all the time. Raises EngineFailed."""
        deadline = time.monotonic() + self._settings.engine_ready_timeout.total_seconds()
        while not self._is_healthy():
            self._check_alive()
            if time.monotonic() > deadline:
                raise EngineFailed("vLLM did not become ready in time.", next_step=f"Read its log: {self.log}")
            report(find_stage(self._read_log()))
            time.sleep(POLL_INTERVAL)

    def run(self) -> NoReturn:
        """Wait for vLLM's end, which is a failure. Raises EngineFailed with the cause."""
        while True:
            self._check_alive()
            time.sleep(POLL_INTERVAL)

    def cache_tokens(self) -> str:
        """Return how many tokens the key-value cache holds, as vLLM measured; empty if it did not tell."""
        match = CACHE_SIZE.search(self._read_log())
        return match[1] if match else ""

    def _is_healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=5, trust_env=False).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _check_alive(self) -> None:
        if self._child and self._child.returncode is not None:
            cause = find_cause(self._read_log().split("\n"))
            reason = cause.text if cause else f"it ended with status {self._child.returncode}"
            raise EngineFailed(f"vLLM ended: {reason}", next_step=f"Read its log: {self.log}")

    def _read_log(self) -> str:
        return self.log.read_text("utf-8", errors="replace") if self.log.exists() else ""


def find_stage(log: str) -> str:
    """Return the last stage that a log shows, in our words; vLLM imports half a minute before it says anything."""
    latest, text = -1, "vLLM starts"
    for pattern, words in STAGES:
        for match in pattern.finditer(log):
            if match.start() > latest:
                latest, text = match.start(), words.format(*match.groups())
    return text


def check_memory(settings: Settings) -> None:
    """Raise Conflict if vLLM's share of the card is not free now: it would load for a minute, and then fail."""
    memory = read_device_memory(gpu_index(settings)) if settings.gpu else None
    if memory is None or memory.free >= settings.engine_memory_share * memory.total:
        return
    fitting = int(100 * memory.free / memory.total) / 100
    share = settings.engine_memory_share
    raise Conflict(
        f"{share:g} of the card's memory are {share * memory.total / GIB:.1f} GiB, and {memory}.",
        param="--gpu-memory-utilization",
        next_step=f"Stop what else uses the card, or take a share of {fitting:g}.",
    )
