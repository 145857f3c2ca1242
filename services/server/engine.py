"""One vLLM process: its command line, its environment variables, its health, and the adapters in it."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from scriptorium.models.scaled_adapter import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from scriptorium.models.tensor_files import read_layout
from scriptorium.models.weights import check_servable
from scriptorium.process.child import Child, tail
from scriptorium.process.ports import free_port
from scriptorium.process.tool_environment import make_tool_environment
from scriptorium.settings import Settings
from scriptorium.store.serving import Engine, WantedModel
from services.server.engine_context import fit_context
from services.server.failures.engine_failures import append_mark, find_cause, has_final_error, read_since
from services.server.failures.known_causes import FailureCause
from services.server.failures.transformers_check import TransformersCheck

log = logging.getLogger(__name__)

STOP_GRACE = timedelta(seconds=3)
ERROR_LINES = 400  # of the log's end that are looked through for one
ERROR_GRACE = 10.0  # seconds that an engine with a final error in its log has to end by itself and log the rest
MIN_CONTEXT = 256  # tokens; a shorter one is of no use
# FlashInfer's top-k and top-p sampler is compiled at run time by nvcc, which a host with no more than a driver lacks.
GPU_DEFAULTS = {"VLLM_USE_FLASHINFER_SAMPLER": "0"}
LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
USUAL_RANK = 64
SWAP_TIMEOUT = 10.0  # seconds: whoever waits for it renews a lease of 15
LORAS_TOGETHER = 2  # adapters that one batch may mix; each slot takes an adapter's memory
REQUEST_GAUGES = ("vllm:num_requests_running", "vllm:num_requests_waiting")
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
        """Start vLLM on a free port; raises EnvironmentMissing, or as `check_files` does."""
        check_files(plan)
        self.plan = plan
        self.port = port or free_port(settings.engine_host)
        self.url = f"http://{settings.engine_host}:{self.port}"
        self.ready = False
        self.was_ready = False
        self._answered_at = time.monotonic()  # or when it was started
        self._max_rank = max_lora_rank(plan, settings)
        self._error_at: float | None = None  # when a final error was first seen in the log
        self._settings = settings
        self._check: TransformersCheck | None = None
        self._log = log
        self._mark = f"Scriptorium starts vLLM for {', '.join(model.name for model in plan)} on port {self.port}"
        append_mark(log, self._mark)
        environment = make_environment(settings, gpu) | {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}
        self._child = Child(make_command(plan, settings, self.port, gpu=gpu), log, environment)

    @property
    def dead(self) -> bool:
        """True if the process has ended."""
        return self._child.returncode is not None

    def check_health(self) -> None:
        """Ask vLLM for its health and update `ready`; end it if its log says that it will never answer."""
        try:
            healthy = httpx.get(f"{self.url}/health", timeout=5, trust_env=False).status_code == httpx.codes.OK
        except httpx.HTTPError:
            healthy = False
        self.ready = healthy or self.was_ready  # one slow answer does not make a busy engine unready
        if healthy:
            self.was_ready, self._answered_at, self._error_at = True, time.monotonic(), None
        elif self._is_lost():
            self._child.stop(STOP_GRACE)

    def is_busy(self) -> bool:
        """Return whether requests run or wait in the engine; one that does not tell is busy."""
        if not self.was_ready:
            return False
        try:
            answer = httpx.get(f"{self.url}/metrics", timeout=5, trust_env=False)
            answer.raise_for_status()
        except httpx.HTTPError:
            return True
        return count_requests(answer.text) > 0

    def can_become(self, plan: EnginePlan) -> bool:
        """Return whether the engine serves a plan, or could with other adapters on the same base."""
        if plan == self.plan:
            return True
        ranks = [rank_of(model) for model in plan if model.adapter]
        return plan[0] == self.plan[0] and max(ranks, default=0) <= self._max_rank and self._max_rank > 0

    def load(self, model: WantedModel) -> None:
        """Load an adapter into the running engine; raises httpx.HTTPError."""
        self._post("/v1/load_lora_adapter", {"lora_name": model.name, "lora_path": str(model.adapter)})
        self.plan = (*self.plan, model)

    def drop(self, model: WantedModel) -> None:
        """Drop an adapter from the running engine; raises httpx.HTTPError."""
        self.plan = tuple(other for other in self.plan if other != model)
        self._post("/v1/unload_lora_adapter", {"lora_name": model.name})

    def _post(self, path: str, body: dict[str, str]) -> None:
        answer = httpx.post(self.url + path, json=body, timeout=SWAP_TIMEOUT, trust_env=False)
        if answer.is_client_error:
            raise httpx.HTTPError(answer.text.strip()[:300])
        answer.raise_for_status()

    def silence(self) -> float:
        """Return the seconds since the last healthy answer, or since the start if there was none."""
        return time.monotonic() - self._answered_at

    def stop(self) -> None:
        """End the process and everything that it started; it has nothing to save, so it gets little time."""
        self._child.stop(STOP_GRACE)
        if self._check:
            self._check.stop()

    def describe(self, state: str, reason: str = "") -> list[Engine]:
        """Describe the engine for the store, with one entry per model name."""
        return describe_plan(self.plan, state, reason, self.url)

    def failure_reason(self) -> str:
        """Return why the process ended, as far as its log tells."""
        return self._cause_in_log().text

    def failure_cause(self) -> FailureCause | None:
        """Return why the process ended: the cause in the log since its start, or its status.

        If it failed to start and the model's folder may be at fault, transformers is asked as well; None until then.
        """
        cause = self._cause_in_log()
        if self.was_ready or not cause.may_be_in_folder:
            return cause
        if self._check is None:
            log = self._log.with_name(f"{self._log.stem}.transformers.log")
            python, environment = python_of(self._settings), make_environment(self._settings)
            self._check = TransformersCheck(python, self.plan[0].folder, log, environment)
        outcome = self._check.outcome()
        return replace(cause, text=f"{cause.text}; {outcome}") if outcome else None

    def _cause_in_log(self) -> FailureCause:
        return find_cause(read_since(self._log, self._mark)) or FailureCause(
            f"it ended with status {self._child.returncode}"
        )

    def _is_lost(self) -> bool:
        """Return whether the log has shown a final error for so long that the process seems to hang."""
        lines = tail(self._log, ERROR_LINES)
        if self._mark in lines:
            lines = lines[len(lines) - lines[::-1].index(self._mark) :]
        if not has_final_error(lines):
            return False
        self._error_at = self._error_at or time.monotonic()
        return time.monotonic() - self._error_at > ERROR_GRACE


def check_files(plan: EnginePlan) -> None:
    """Look whether the files of a plan are there and whole; raises BaseModelUnusable, or as `check_adapter` does."""
    check_servable(Path(plan[0].folder))
    for model in plan:
        if model.adapter:
            check_adapter(model)


def check_adapter(model: WantedModel) -> None:
    """Look whether an adapter's files are there and whole. Raises OSError, ValueError or KeyError."""
    rank_of(model)
    read_layout(Path(model.adapter or "") / ADAPTER_WEIGHTS)


def describe_plan(
    plan: EnginePlan, state: str, reason: str = "", url: str = "", ready_at: float | None = None
) -> list[Engine]:
    """Describe a plan for the store, with one entry per model name."""
    shared = {"state": state, "url": url, "reason": reason, "ready_at": ready_at}
    return [Engine(**model.model_dump(exclude={"eager", "variant"}), **shared) for model in plan]


def python_of(settings: Settings) -> Path:
    """Return the Python of vLLM's environment."""
    return settings.vllm_env / "bin" / "python"


def make_command(
    plan: EnginePlan, settings: Settings, port: int, extra: Sequence[str] = (), gpu: int | None = None
) -> list[str | Path]:
    """Make the command line, with `extra` words at its end, for one `gpu` or the first of this machine.

    Nothing is compiled for an eager model, nor on a CPU, where it does not pay.
    """
    base, adapters, rank = plan[0], [model for model in plan if model.adapter], max_lora_rank(plan, settings)
    line: list[str | Path] = [python_of(settings), "-m", "vllm.entrypoints.openai.api_server"]
    line += ["--model", base.folder, "--served-model-name", base.name if not base.adapter else "base"]
    line += [
        "--host",
        settings.engine_host,
        "--port",
        str(port),
        "--max-model-len",
        str(choose_context(plan, settings, gpu)),
    ]
    if rank:
        line += ["--enable-lora", "--max-lora-rank", str(rank), "--max-loras", str(LORAS_TOGETHER)]
        line += ["--max-cpu-loras", str(max(settings.engine_adapters, len(adapters), LORAS_TOGETHER))]
    if adapters:
        line += ["--lora-modules", *(f"{model.name}={model.adapter}" for model in adapters)]
    if settings.gpu:
        line += ["--gpu-memory-utilization", str(settings.engine_memory_share)]
    if base.eager or not settings.gpu:
        line += ["--enforce-eager"]
    return [*line, *extra]


def choose_context(plan: EnginePlan, settings: Settings, gpu: int | None = None) -> int:
    """Return the context that is wished for, or the longest that fits; where none does, vLLM says what is missing."""
    rank = max_lora_rank(plan, settings)
    fitted = fit_context(Path(plan[0].folder), settings, settings.engine_context, rank=rank, gpu=gpu)
    if fitted.tokens < MIN_CONTEXT:
        return settings.engine_context
    if fitted.reason:
        log.warning("%s gets a context of %d tokens: %s", plan[0].name, fitted.tokens, fitted.reason)
    return fitted.tokens


def max_lora_rank(plan: EnginePlan, settings: Settings) -> int:
    """Return the smallest rank that vLLM accepts and every adapter fits into; 0 for an engine that takes no adapter.

    On a GPU a base takes adapters that are not known yet: those of the recipes have rank 64 at most.
    """
    ranks = [rank_of(model) for model in plan if model.adapter]
    if settings.gpu and not plan[0].adapter and not plan[0].eager:
        ranks.append(USUAL_RANK)
    return next((allowed for allowed in LORA_RANKS if allowed >= max(ranks)), LORA_RANKS[-1]) if ranks else 0


def rank_of(model: WantedModel) -> int:
    """Return the rank of a model's adapter, as its configuration says. Raises OSError, ValueError or KeyError."""
    return int(json.loads((Path(model.adapter or "") / ADAPTER_CONFIG).read_text("utf-8"))["r"])


def count_requests(metrics: str) -> float:
    """Return the requests that run or wait, from an engine's metrics in Prometheus' text format."""
    families = text_string_to_metric_families(metrics)
    return sum(sample.value for family in families if family.name in REQUEST_GAUGES for sample in family.samples)


def make_environment(settings: Settings, gpu: int | None = None) -> dict[str, str]:
    """Make the environment variables of vLLM's process, which sees one `gpu` only if that is given."""
    fixed = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": str(gpu)}
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
