"""One vLLM process: its command line, its environment variables, its health."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import httpx

from scriptorium.planning.engine_context import fit_context
from scriptorium.process.child import Child
from scriptorium.process.ports import free_port
from scriptorium.process.tool_environment import make_tool_environment
from scriptorium.settings import Settings
from scriptorium.store.serving import Engine, WantedModel
from services.server.engine_failures import append_mark, find_cause, read_since

log = logging.getLogger(__name__)

STOP_GRACE = timedelta(seconds=3)
MIN_CONTEXT = 256  # tokens; a shorter one is of no use
# FlashInfer's top-k and top-p sampler is compiled at run time by nvcc, which a host with no more than a driver lacks.
GPU_DEFAULTS = {"VLLM_USE_FLASHINFER_SAMPLER": "0"}
LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
EnginePlan = tuple[WantedModel, ...]  # models that one engine serves: a base and its adapters


def plan_engines(wanted: Sequence[WantedModel]) -> list[EnginePlan]:
    """Group the wanted models by folder: an adapter lives in the engine of its base."""
    groups: dict[str, list[WantedModel]] = {}
    for model in sorted(wanted, key=lambda model: model.adapter is not None):
        groups.setdefault(model.folder, []).append(model)
    return [tuple(models) for models in groups.values()]


class VllmEngine:
    """A running vLLM for one plan."""

    def __init__(
        self, plan: EnginePlan, settings: Settings, log: Path, port: int | None = None, gpu: int | None = None
    ) -> None:
        """Start vLLM on a free port; raises EnvironmentMissing."""
        self.plan = plan
        self.port = port or free_port(settings.engine_host)
        self.url = f"http://{settings.engine_host}:{self.port}"
        self.ready = False
        self.was_ready = False
        self._answered_at = time.monotonic()  # or when it was started
        self._log = log
        self._mark = f"Scriptorium starts vLLM for {', '.join(model.name for model in plan)} on port {self.port}"
        append_mark(log, self._mark)
        self._child = Child(make_command(plan, settings, self.port), log, make_environment(settings, gpu))

    @property
    def dead(self) -> bool:
        """True if the process has ended."""
        return self._child.returncode is not None

    def check_health(self) -> None:
        """Ask vLLM for its health and update `ready`."""
        try:
            healthy = httpx.get(f"{self.url}/health", timeout=5, trust_env=False).status_code == httpx.codes.OK
        except httpx.HTTPError:
            healthy = False
        self.ready = healthy or self.was_ready  # one slow answer does not make a busy engine unready
        if healthy:
            self.was_ready, self._answered_at = True, time.monotonic()

    def silence(self) -> float:
        """Return the seconds since the last healthy answer, or since the start if there was none."""
        return time.monotonic() - self._answered_at

    def stop(self) -> None:
        """End the process and everything that it started; it has nothing to save, so it gets little time."""
        self._child.stop(STOP_GRACE)

    def describe(self, state: str, reason: str = "") -> list[Engine]:
        """Describe the engine for the store, with one entry per model name."""
        return describe_plan(self.plan, state, reason, self.url)

    def failure_reason(self) -> str:
        """Return why the process ended: the cause in the log since its start, or its status."""
        return find_cause(read_since(self._log, self._mark)) or f"it ended with status {self._child.returncode}"


def describe_plan(plan: EnginePlan, state: str, reason: str = "", url: str = "") -> list[Engine]:
    """Describe a plan for the store, with one entry per model name."""
    shared = {"state": state, "url": url, "reason": reason}
    return [Engine(**model.model_dump(exclude={"eager"}), **shared) for model in plan]


def make_command(plan: EnginePlan, settings: Settings, port: int, extra: Sequence[str] = ()) -> list[str | Path]:
    """Make the command line, with `extra` words at its end.

    Nothing is compiled for an eager model, nor on a CPU, where it does not pay.
    """
    base, adapters = plan[0], [model for model in plan if model.adapter]
    line: list[str | Path] = [settings.vllm_env / "bin" / "python", "-m", "vllm.entrypoints.openai.api_server"]
    line += ["--model", base.folder, "--served-model-name", base.name if not base.adapter else "base"]
    line += [
        "--host",
        settings.engine_host,
        "--port",
        str(port),
        "--max-model-len",
        str(choose_context(plan, settings)),
    ]
    if adapters:
        line += ["--enable-lora", "--max-lora-rank", str(plan_rank(plan))]
        line += ["--lora-modules", *(f"{model.name}={model.adapter}" for model in adapters)]
    if settings.gpu:
        line += ["--gpu-memory-utilization", str(settings.engine_memory_share)]
    if base.eager or not settings.gpu:
        line += ["--enforce-eager"]
    return [*line, *extra]


def choose_context(plan: EnginePlan, settings: Settings) -> int:
    """Return the context that is wished for, or the longest that fits; where none does, vLLM says what is missing."""
    fitted = fit_context(Path(plan[0].folder), settings, settings.engine_context, rank=plan_rank(plan))
    if fitted.tokens < MIN_CONTEXT:
        return settings.engine_context
    if fitted.reason:
        log.warning("%s gets a context of %d tokens: %s", plan[0].name, fitted.tokens, fitted.reason)
    return fitted.tokens


def plan_rank(plan: EnginePlan) -> int:
    """Return the rank that every adapter of a plan fits into; 0 without one."""
    return max((lora_rank(Path(model.adapter)) for model in plan if model.adapter), default=0)


def lora_rank(adapter: Path) -> int:
    """Return the smallest rank that vLLM accepts and the adapter fits into; vLLM's own default is 16."""
    rank = int(json.loads((adapter / "adapter_config.json").read_text("utf-8"))["r"])
    return next((allowed for allowed in LORA_RANKS if allowed >= rank), LORA_RANKS[-1])


def make_environment(settings: Settings, gpu: int | None = None) -> dict[str, str]:
    """Make the environment variables of vLLM's process, which sees one `gpu` only if that is given."""
    fixed = {"VLLM_NO_USAGE_STATS": "1"}
    if gpu is not None:
        fixed["CUDA_VISIBLE_DEVICES"] = str(gpu)
    return make_tool_environment(
        settings.vllm_env, settings.cache, GPU_DEFAULTS if settings.gpu else cpu_defaults(settings), fixed
    )


def cpu_defaults(settings: Settings) -> dict[str, str]:
    """Return the variables of an engine on a CPU, unless the user sets them."""
    return {
        "VLLM_CPU_KVCACHE_SPACE": str(settings.engine_kv_cache_gib),
        "VLLM_CPU_OMP_THREADS_BIND": f"0-{(os.cpu_count() or 1) - 1}",  # its default leaves one core idle
        "TORCHDYNAMO_DISABLE": "1",  # eager throughout: it needs no C++ compiler, nor the minute that one takes
        "OMP_WAIT_POLICY": "PASSIVE",  # an engine that waits must not take the cores of one that works
    }
