"""`scriptorium serve`: vLLM in the foreground with one model, until Ctrl-C; no stack, no queue.

Without a port, on a running stack that knows the model, the stack loads it and keeps it warm instead.
"""

from __future__ import annotations

import json
import shlex
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.text import Text

from scriptorium.cli.app import Json, app
from scriptorium.cli.models.find_model import FoundModel, find_model
from scriptorium.cli.models.keep_warm import find_stack, keep_warm, release
from scriptorium.cli.terminal import err, out, show
from scriptorium.errors import Conflict, InvalidRequest
from scriptorium.models.scaled_adapter import scale_adapter
from scriptorium.settings import Settings, get_settings

if TYPE_CHECKING:
    from services.server.engine import EnginePlan

BASE_PORT, TUNED_PORT = 8000, 8002
MEMORY_SHARE, CONTEXT = 0.9, 64_000
FULL_PRECISION = ("float32", "float")
REPORT_INTERVAL = 10.0  # seconds between two lines about the same stage
PROMPT = "Write a scene where a character discovers an alien artifact."
INTERRUPTED = 130
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@app.command(epilog="Example: scriptorium serve my-training --strength 0.7 --port 8002", rich_help_panel="Models")
def serve(
    model: Annotated[
        str,
        typer.Argument(
            help="A folder with a model, an adapter or a training; a base model's name; ft:... or ftjob-..."
        ),
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- FLAGS]", help="Flags for vLLM, as it takes them.", show_default=False),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Default: 8002 for a tuned model, 8000 for a base model.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: this machine alone.")] = None,
    gpu_memory_utilization: Annotated[
        float, typer.Option(min=0.05, max=0.99, help="Share of the card's memory that vLLM takes.")
    ] = MEMORY_SHARE,
    max_model_len: Annotated[
        int | None,
        typer.Option(
            min=256, help="Context in tokens; default: the longest that fits, up to 64,000.", show_default=False
        ),
    ] = None,
    base: Annotated[str | None, typer.Option(help="An adapter's base: a folder or a name; default: its own.")] = None,
    strength: Annotated[float | None, typer.Option(help="Serve the adapter at this strength, up to 1.5.")] = None,
    name: Annotated[str | None, typer.Option(help="The model's name in requests; default: its folder's.")] = None,
    engine_flag: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A flag for vLLM, of an allowed list; repeatable.")
    ] = None,
    let_go: Annotated[bool, typer.Option("--release", help="Keep it warm on the running stack no longer.")] = False,
    as_json: Json = False,
) -> None:
    """Serve a model: keep it warm on the running stack, or, with --port or without a stack, run vLLM until Ctrl-C."""
    own = (port, host, max_model_len, base, strength, name, engine_flag, words)  # what only an engine by hand can have
    by_hand = any(value is not None for value in own) or gpu_memory_utilization != MEMORY_SHARE
    client = find_stack(model) if let_go or not by_hand else None
    if let_go:
        release(client, model, as_json=as_json)
        return
    if client:
        with progress() as report:
            keep_warm(client, model, report, as_json=as_json)
        return
    from services.server.engine import max_lora_rank
    from services.server.engine_flags import make_arguments, read_flags

    flags = read_flags(engine_flag or [], words or [])
    changes: dict[str, Any] = {"engine_memory_share": gpu_memory_utilization}
    settings = get_settings().model_copy(update=changes | ({"engine_host": host} if host else {}))
    source = find_model(model, settings, base, as_adapter=strength is not None)
    with scaled(source, strength, settings) as adapter:
        plan = make_plan(source, name or source.name, adapter)
        full = flags.get("dtype") in FULL_PRECISION
        tokens = choose_context(
            source, settings, max_model_len, rank=max_lora_rank(plan, settings), value_bytes=4 if full else 2
        )
        settings = settings.model_copy(update={"engine_context": tokens})
        run(plan, settings, port or (TUNED_PORT if source.tuned else BASE_PORT), make_arguments(flags), as_json=as_json)


@contextmanager
def scaled(model: FoundModel, strength: float | None, settings: Settings) -> Iterator[Path | None]:
    """Lend the folder of a model's adapter, or of a copy of it at a strength."""
    if model.adapter is None or strength is None:
        yield model.adapter
        return
    settings.cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="strength-", dir=settings.cache) as folder:
        copy = Path(folder) / f"{model.adapter.name}@{strength:g}"
        scale_adapter(model.adapter, strength, copy)
        yield copy


def make_plan(model: FoundModel, name: str, adapter: Path | None) -> EnginePlan:
    """Return what the engine serves: a model, or a base and its adapter. Raises Conflict if both have one name."""
    from scriptorium.store.serving import WantedModel

    if adapter is None:
        return (WantedModel(name=name, folder=str(model.folder)),)
    base = WantedModel(name=model.folder.name, folder=str(model.folder))
    if name == base.name:
        raise Conflict(f"The base is called {name}, too.", param="--name", next_step="Give the adapter another name.")
    return (base, WantedModel(name=name, folder=str(model.folder), adapter=str(adapter)))


def choose_context(model: FoundModel, settings: Settings, wanted: int | None, *, rank: int, value_bytes: int) -> int:
    """Return the context that is asked for, or the longest that fits. Raises InvalidRequest if it does not fit."""
    from services.server.engine import MIN_CONTEXT
    from services.server.engine_context import fit_context

    fitted = fit_context(model.folder, settings, wanted or CONTEXT, rank=rank, value_bytes=value_bytes)
    if fitted.tokens < MIN_CONTEXT:
        raise InvalidRequest(
            f"{model.folder.name} does not fit: {fitted.reason}.",
            param="--gpu-memory-utilization",
            next_step="Give it a larger share of the card's memory, or serve a smaller model.",
        )
    if wanted and fitted.reason:
        raise InvalidRequest(
            f"A context of {wanted:,} tokens does not fit: {fitted.reason}.",
            param="--max-model-len",
            next_step=f"The longest that fits is --max-model-len {fitted.tokens}.",
        )
    if fitted.reason:
        err.print(f"context: {fitted.tokens:,} tokens. {fitted.reason[0].upper()}{fitted.reason[1:]}.")
    if fitted.room is None:
        err.print("context: not checked, because the model's kind or the card's memory is not known.")
    return fitted.tokens


def run(plan: EnginePlan, settings: Settings, port: int, extra: list[str], *, as_json: bool) -> NoReturn:
    """Run the engine until Ctrl-C; raises EngineFailed if it ends by itself."""
    from services.server.foreground import ForegroundEngine

    for number in STOP_SIGNALS:
        signal.signal(number, interrupt)
    if plan[-1].adapter and not settings.gpu:
        err.print("Without a GPU an adapter answers about 20 times slower than a merged model (`scriptorium merge`).")
    try:
        with ForegroundEngine(plan, settings, port, extra) as engine:
            with progress() as report:
                engine.load(report)
            announce(engine.url, plan, settings, engine.cache_tokens(), engine.log, as_json=as_json)
            engine.run()
    except KeyboardInterrupt:
        err.print("\nStopped.")
        raise typer.Exit(INTERRUPTED) from None


def interrupt(number: int, frame: object) -> NoReturn:
    """End as with Ctrl-C; once is enough, because the stop that follows must not be interrupted."""
    for stop_signal in STOP_SIGNALS:
        signal.signal(stop_signal, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show the stage of a start and the seconds since it began: on a terminal in place, else a line now and then."""
    started = time.monotonic()
    if err.is_terminal:
        with err.status("vLLM starts") as status:
            yield lambda stage: status.update(Text(f"{time.monotonic() - started:.0f} s: {stage}"))
        return
    printed, printed_at = "", 0.0

    def report(stage: str) -> None:
        nonlocal printed, printed_at
        now = time.monotonic()
        if stage != printed or now - printed_at > REPORT_INTERVAL:
            err.print(f"{now - started:.0f} s: {stage}")
            printed, printed_at = stage, now

    yield report


def announce(url: str, plan: EnginePlan, settings: Settings, cache: str, log: Path, *, as_json: bool) -> None:
    """Print where the model answers, its context, and a request to try."""
    model = plan[-1].name
    body = {"model": model, "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 500, "temperature": 0.85}
    command = [
        "curl",
        "-s",
        f"{url}/v1/chat/completions",
        "-H",
        "Content-Type: application/json",
        "-d",
        json.dumps(body),
    ]
    if as_json:
        facts = {"url": f"{url}/v1", "model": model, "context": settings.engine_context, "log": str(log)}
        show({**facts, "cache_tokens": int(cache.replace(",", "") or 0)}, as_json, "")
        return
    holds = f"; the key-value cache holds {cache}" if cache else ""
    out.print(f"Ready: {url}/v1, model {model}")
    out.print(f"context: {settings.engine_context:,} tokens{holds}")
    out.print(f"log: {log}")
    out.print(f"Try it: {shlex.join(command)}")
    out.print("Ctrl-C ends it.")
