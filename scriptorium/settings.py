"""Typed settings from the environment (SCRIPTORIUM_...), a .env file or a folder of secrets; durations are timedeltas.

docs/settings.md lists them all; a test compares the two.
"""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from scriptorium.errors import InvalidRequest, Problem, explain
from scriptorium.patterns import matching
from scriptorium.process.gpu import has_nvidia_gpu
from scriptorium.urls import check_address
from scriptorium.webhook_signature import is_secret

PROJECT = Path(__file__).resolve().parent.parent
SECRETS_FOLDER = Path("/run/secrets")  # where Docker and Podman put them: a file for each, named like the variable


def _default_data_dir() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "scriptorium"


def split_list(text: str) -> list[str]:
    """Return the entries of a list with commas."""
    return [entry.strip() for entry in text.split(",") if entry.strip()]


class Settings(BaseSettings):
    """What a user may change. Components get single values, never a dictionary."""

    model_config = SettingsConfigDict(
        env_prefix="SCRIPTORIUM_",
        env_file=".env",
        secrets_dir=SECRETS_FOLDER if SECRETS_FOLDER.is_dir() else None,
        extra="ignore",
        frozen=True,
    )

    data_dir: Path = Field(default_factory=_default_data_dir, description="All persistent data: files, models, runs.")
    models_dir: Path | None = Field(default=None, description="Base models; default: models/ in the data folder.")
    recipes_dir: Path = Field(default=PROJECT / "recipes", description="Training recipes, one YAML file each.")
    redis_url: str = Field(
        default="", repr=False, description="Redis; default: the embedded one, on a Unix socket."
    )  # it may hold a password
    api_host: str = Field(default="127.0.0.1", description="Address the API listens on.")
    api_port: int = Field(default=8421, ge=0, le=65535, description="Port of the API; 0 takes a free one.")
    api_url: str = Field(default="", description="Where the command line finds the API; default: the local stack's.")
    api_key: str = Field(
        default="", repr=False, description="Key of the API that the command line and the services send."
    )
    api_hosts: str = Field(
        default="", description="Other names, with commas, at which the API answers while there are no keys."
    )
    api_published: str = Field(
        default="",
        description="Where a container's port is published; what is not on loopback needs a key. Default: the host.",
    )
    default_model: str = Field(
        default="meta-llama/Llama-3.1-8B-Instruct", description="Base model of `scriptorium run`."
    )
    default_recipe: str = Field(
        default="auto", description="Recipe of a job that names none; auto: what fits the GPU, or cpu without one."
    )
    max_upload_bytes: int = Field(default=512 * 1024 * 1024, gt=0, description="Largest upload, in bytes.")
    min_free_bytes: int = Field(
        default=2 * 1024**3, ge=0, description="Uploads and new jobs are refused if less disk space is free, in bytes."
    )
    max_log_bytes: int = Field(
        default=10 * 1024**2, gt=0, description="Logs of local services and of vLLM are rotated at this size, in bytes."
    )
    cache_dir: Path | None = Field(
        default=None, description="What vLLM has compiled for the served models; default: cache/ in the data folder."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="Where training and serving run.")

    machine: str = Field(default="", description="This machine's name in its devices' names; default: the host name.")
    gpus: Annotated[str, matching(r"\s*(\d+\s*(,\s*\d+\s*)*)?", "whole numbers with commas, such as 0,1")] = Field(
        default="",
        description="Indices of the GPUs to use, with commas; default: all.",
    )
    gpu_free_share: float = Field(
        default=0.8, gt=0, le=1, description="Share of a GPU's memory that must be free before it is used."
    )

    device_patience: timedelta = Field(
        default=timedelta(seconds=5), description="How long a worker waits for a device before it hands a job back."
    )

    lease_ttl: timedelta = Field(
        default=timedelta(seconds=15), description="A silent worker loses its phase after this."
    )
    heartbeat: timedelta = Field(
        default=timedelta(seconds=1), description="How often a lease is renewed and a stop is noticed."
    )
    reaper_interval: timedelta = Field(
        default=timedelta(seconds=3), description="How often the reaper looks for lost work."
    )
    reaper_grace: timedelta = Field(default=timedelta(seconds=10), description="How long a sent task may go unclaimed.")
    sweep_interval: timedelta = Field(
        default=timedelta(hours=1), description="How often the sweeper looks for what nobody needs any more."
    )
    sweep_grace: timedelta = Field(
        default=timedelta(hours=1), description="How long an ended job keeps its temporary folders."
    )
    max_attempts: int = Field(default=5, ge=1, description="Attempts of one phase before the job fails.")
    repeat_window: timedelta = Field(
        default=timedelta(minutes=1), description="Equal job requests within this time create one job."
    )
    stop_grace: timedelta = Field(
        default=timedelta(seconds=10), description="Time that a child process gets to stop by itself."
    )

    stall_timeout: timedelta = Field(
        default=timedelta(hours=1),
        description="A training without a new step, evaluation or checkpoint for this long is started again.",
    )
    exit_grace: timedelta = Field(
        default=timedelta(minutes=2), description="Time that a finished training gets to exit before it is ended."
    )
    train_memory_share: float = Field(
        default=0.92, gt=0, le=1, description="Share of the GPU's memory that a training may have: more is an error."
    )

    alive_file: Path | None = Field(
        default=None, description="A worker touches this file while it can work; for health checks."
    )

    axolotl_env: Path = Field(default=PROJECT / ".envs" / "axolotl", description="Axolotl's own environment.")
    vllm_env: Path = Field(default=PROJECT / ".envs" / "vllm", description="vLLM's own environment.")
    llama_env: Path = Field(
        default=PROJECT / ".envs" / "llama", description="The environment of llama.cpp's quantiser, for exports."
    )
    engine_host: str = Field(default="127.0.0.1", description="Address that engines listen on and answer at.")
    engine_context: int = Field(
        default=4096, ge=256, description="Context length of served models, in tokens; less if no more fits."
    )
    engine_memory_share: float = Field(default=0.85, gt=0, lt=1, description="Share of the GPU's memory for vLLM.")
    engine_kv_cache_gib: int = Field(default=1, ge=1, description="Key-value cache of an engine on a CPU, in GiB.")
    engine_warm_models: int = Field(
        default=1, ge=1, description="Tuned models that are warm at once on a CPU, and base models likewise."
    )
    engine_adapters: int = Field(
        default=8, ge=1, description="Adapters that an engine on a GPU holds; the least used one makes room."
    )
    engine_idle: timedelta = Field(
        default=timedelta(minutes=30), description="A model that nobody asks for this long is unloaded; 0: never."
    )
    chat_wait: timedelta = Field(
        default=timedelta(minutes=2), description="How long a request waits for its model, unless it says itself."
    )
    chat_grace: timedelta = Field(
        default=timedelta(seconds=30), description="Time that running requests get to end before an engine stops."
    )
    chat_silence: timedelta = Field(
        default=timedelta(minutes=10), description="A request is given up if its engine sends nothing for this long."
    )
    chat_policy: Annotated[
        str, matching(r"training|chat|([01]?\d|2[0-3])-([01]?\d|2[0-3])", "training, chat, or hours such as 22-7")
    ] = Field(
        default="training",
        description="Who comes first on a device: training, chat (while it is in use), or training in hours like 22-7.",
    )
    engine_ready_timeout: timedelta = Field(default=timedelta(minutes=8), description="How long an engine may load.")
    brief_url: str = Field(
        default="", description="Server that writes briefs if a recipe asks for it; default: this API."
    )
    brief_key: str = Field(
        default="", repr=False, description="Key of the server that writes briefs; default: this API's own."
    )
    brief_model: str = Field(default="", description="Model that writes briefs; default: the job's base model.")
    evaluation_prompts: int = Field(default=48, ge=1, le=500, description="Held-out briefs that every model answers.")
    evaluation_instructions: int = Field(
        default=192, ge=0, le=384, description="Verifiable instructions that both models answer; 0: none."
    )
    evaluation_scenes: int = Field(
        default=24, ge=0, le=96, description="New scenes that both models write, to find leaked names; 0: none."
    )
    evaluation_rewrites: int = Field(
        default=16, ge=0, le=192, description="Drafts of held-out passages that both models rewrite; 0: none."
    )
    evaluation_judged_prompts: int = Field(
        default=24, ge=0, le=192, description="Briefs whose passages the second judge reads; 0: it is not asked."
    )
    evaluation_passages: int = Field(default=24, ge=2, le=500, description="Held-out passages whose loss is measured.")
    evaluation_max_tokens: int = Field(
        default=800, ge=16, description="Longest answer in an evaluation, in tokens; never longer than the author's."
    )
    evaluation_streams: int = Field(
        default=0, ge=0, le=1024, description="Concurrent requests to one engine; 0: 128 on a CPU, 256 on a GPU."
    )
    impostors_dir: Path | None = Field(
        default=None, description="Other authors, one file or folder each; default: impostors/ in the data folder."
    )

    replay_rows: Path | None = Field(
        default=None,
        description="Your own chat rows (a folder of .jsonl files) to replay instead of the base's answers.",
    )

    webhook_url: str = Field(
        default="", repr=False, description="Where the end of each job is announced; several addresses with commas."
    )
    webhook_secret: str = Field(
        default="", repr=False, validate_default=True,
        description="What webhooks are signed with: whsec_..., from `scriptorium webhooks secret`.",
    )  # fmt: skip
    webhook_private: bool = Field(
        default=False, description="Whether a webhook may go to this machine or a private network."
    )
    notices: str = Field(
        default="",
        repr=False,
        description="Whom to notify of jobs: Apprise's addresses (ntfy, e-mail, ...), with commas.",
    )
    public_url: str = Field(
        default="", description="Address at which people open the pages, for links in notices; default: this machine's."
    )

    @field_validator(
        "data_dir", "models_dir", "recipes_dir", "cache_dir", "axolotl_env", "vllm_env", "llama_env", "alive_file",
        "impostors_dir", "replay_rows", mode="after",
    )  # fmt: skip
    @classmethod
    def make_absolute(cls, path: Path | None) -> Path | None:
        """Make a path absolute, because child processes have their own working directories."""
        return path and path.expanduser().absolute()

    @field_validator("default_recipe", mode="after")
    @classmethod
    def name_no_recipe(cls, name: str) -> str:
        """Return "auto" for an empty value, as a container's environment has it."""
        return name or "auto"

    @field_validator("brief_url", "api_url", "public_url", mode="after")
    @classmethod
    def check_url(cls, url: str) -> str:
        """Check the address of an HTTP server; an empty one is allowed."""
        return url and check_address(url)

    @field_validator("webhook_url", mode="after")
    @classmethod
    def check_webhook_urls(cls, urls: str) -> str:
        """Check the address of each webhook."""
        for url in split_list(urls):
            check_address(url)
        return urls

    @field_validator("webhook_secret", mode="after")
    @classmethod
    def check_webhook_secret(cls, secret: str, info: ValidationInfo) -> str:
        """Check that there is a secret if there is a webhook, and that receivers can decode it."""
        next_step = "`scriptorium webhooks secret` makes one"
        if info.data.get("webhook_url") and not secret:
            raise ValueError(f"is needed to sign webhooks; {next_step}")
        if secret and not is_secret(secret):
            raise ValueError(f"must be whsec_ and 24 to 64 bytes in base64; {next_step}")
        return secret

    @property
    def webhook_urls(self) -> list[str]:
        """The addresses of the webhooks."""
        return split_list(self.webhook_url)

    @property
    def pages_url(self) -> str:
        """The address of the pages, for people."""
        return (self.public_url or self.api_url or f"http://127.0.0.1:{self.api_port}").rstrip("/").removesuffix("/v1")

    @property
    def models(self) -> Path:
        """The folder of base models."""
        return self.models_dir or self.data_dir / "models"

    @property
    def cache(self) -> Path:
        """The folder of what can be compiled again."""
        return self.cache_dir or self.data_dir / "cache"

    @property
    def logs(self) -> Path:
        """The folder of the logs of local services and of vLLM."""
        return self.data_dir / "logs"

    @property
    def measured_runs(self) -> Path:
        """The file of what finished trainings needed; the next estimates use it."""
        return self.data_dir / "measured_runs.json"

    @property
    def replay(self) -> Path:
        """The folder of what bases have answered; the next trainings replay it."""
        return self.data_dir / "replay"

    @property
    def impostors(self) -> Path | None:
        """The folder or file of other authors' texts, if there is one."""
        folder = self.impostors_dir or self.data_dir / "impostors"
        return folder if folder.exists() else None

    @property
    def gpu(self) -> bool:
        """True if training and serving use an NVIDIA GPU."""
        return has_nvidia_gpu() if self.device == "auto" else self.device == "cuda"

    @property
    def machine_name(self) -> str:
        """The machine's name: containers of one machine are given the same."""
        return self.machine or platform.node()

    @property
    def gpu_indices(self) -> list[int]:
        """The indices of the GPUs that trainings and engines may use."""
        from scriptorium.process.device_memory import count_gpus

        return [int(index) for index in self.gpus.split(",") if index.strip()] or list(range(count_gpus()))

    @property
    def free_share(self) -> float:
        """Share of a device's memory that must be free before a training begins; a machine has other work to do."""
        return self.gpu_free_share if self.gpu else 0.05

    @property
    def streams(self) -> int:
        """Concurrent requests to one engine: as many as vLLM runs at once by default; more would queue there."""
        return self.evaluation_streams or (256 if self.gpu else 128)

    @property
    def runtime_dir(self) -> Path:
        """A private folder for sockets with a short path: a socket's path may have at most 107 bytes."""
        digest = hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"scriptorium-{os.getuid()}-{digest}"

    @property
    def store_url(self) -> str:
        """The URL of Redis, as redis-py spells it."""
        return self.redis_url or f"unix://{self.runtime_dir / 'redis.sock'}"

    @property
    def brief_server(self) -> str:
        """The URL of the server that writes briefs, without /v1."""
        url = self.brief_url or self.api_url or f"http://{self.api_host}:{self.api_port}"
        return url.rstrip("/").removesuffix("/v1")

    @property
    def brief_server_key(self) -> str:
        """The key for the server that writes briefs: our own is sent to our own API alone."""
        return self.brief_key or ("" if self.brief_url else self.api_key)

    @property
    def broker_url(self) -> str:
        """The URL of Redis, as Celery spells it."""
        return self.store_url.replace("unix://", "redis+socket://", 1)


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings of this process, read once; raises InvalidRequest with every problem at once."""
    try:
        return Settings()
    except ValidationError as error:
        problems = [
            Problem(place=f"SCRIPTORIUM_{'.'.join(map(str, e['loc'])).upper()}", message=explain(e))
            for e in error.errors()
        ]
        raise InvalidRequest(
            "Some settings are invalid.", problems=problems, next_step="See docs/settings.md."
        ) from None
