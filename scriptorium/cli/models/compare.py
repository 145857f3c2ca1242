"""`scriptorium compare`: evaluated jobs by their reports, or two running engines by what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from scriptorium.cli.app import Json, app, connect
from scriptorium.cli.jobs.ids import complete_job, resolve_job
from scriptorium.cli.models.side_by_side import PROMPTS, Answer, ComparedEngine, Sampling, summarise
from scriptorium.cli.terminal import err, out, show_json, tabulate
from scriptorium.errors import InvalidRequest
from scriptorium.urls import check_address

SIDES = ("baseline", "finetuned")


@app.command(epilog="Example: scriptorium compare 1a2b 3c4d", rich_help_panel="Models")
def compare(
    job_ids: Annotated[
        list[str] | None,
        typer.Argument(help="Two or more jobs; each is compared with the first.", autocompletion=complete_job),
    ] = None,
    baseline_port: Annotated[int | None, typer.Option(help="Port of the engine of the base, on this machine.")] = None,
    finetuned_port: Annotated[int | None, typer.Option(help="Port of the tuned model's engine.")] = None,
    baseline_url: Annotated[str | None, typer.Option(help="Address of the base's engine, if it is elsewhere.")] = None,
    finetuned_url: Annotated[str | None, typer.Option(help="Address of the tuned model's engine.")] = None,
    baseline_model: Annotated[str | None, typer.Option(help="Its name there; default: the first.")] = None,
    finetuned_model: Annotated[
        str | None, typer.Option(help="Its name there; default: the adapter, or the first.")
    ] = None,
    prompt: Annotated[
        list[str] | None, typer.Option(help="A prompt to ask; repeatable; default: three of ours.")
    ] = None,
    prompts_file: Annotated[
        Path | None, typer.Option(help="A file with a prompt in each line.", exists=True, dir_okay=False)
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = 500,
    temperature: Annotated[float, typer.Option(min=0, max=2, help="Temperature of the answers.")] = 0.85,
    as_json: Json = False,
) -> None:
    """Compare evaluated jobs by their reports; or, with two ports, what two running engines answer, side by side."""
    urls = (find_url(baseline_url, baseline_port), find_url(finetuned_url, finetuned_port))
    if job_ids and any(urls):
        raise typer.BadParameter("name jobs or engines, not both", param_hint="JOB_IDS")
    if not any(urls):
        if not job_ids:
            raise typer.BadParameter("name two jobs, or --baseline-port and --finetuned-port", param_hint="JOB_IDS")
        compare_jobs(job_ids, as_json=as_json)
        return
    baseline, finetuned = urls
    if not (baseline and finetuned):
        raise typer.BadParameter("name both engines", param_hint="--baseline-port/--finetuned-port")
    engines = (
        ComparedEngine(baseline, baseline_model, tuned=False),
        ComparedEngine(finetuned, finetuned_model, tuned=True),
    )
    prompts = [*(prompt or ()), *(read_prompts(prompts_file) if prompts_file else ())] or list(PROMPTS)
    compare_engines(engines, prompts, Sampling(max_tokens, temperature), as_json=as_json)


def find_url(url: str | None, port: int | None) -> str | None:
    """Return an engine's address, given as one or by a port of this machine; a usage error if it is none."""
    if url is None:
        return None if port is None else f"http://127.0.0.1:{port}"
    try:
        return check_address(url)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def read_prompts(path: Path) -> list[str]:
    """Return the prompts of a file, one in each line. Raises InvalidRequest if there are none."""
    try:
        prompts = [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise InvalidRequest(f"{path} is not UTF-8 text.", param="--prompts-file") from None
    if not prompts:
        raise InvalidRequest(f"{path} has no prompts.", param="--prompts-file", next_step="Write one in each line.")
    return prompts


def compare_engines(
    engines: tuple[ComparedEngine, ComparedEngine], prompts: list[str], sampling: Sampling, *, as_json: bool
) -> None:
    """Ask both engines every prompt; show the answers beside each other, then the speeds."""
    pairs = []
    for number, prompt in enumerate(prompts, 1):
        err.print(f"{number}/{len(prompts)}: {prompt}")
        pairs.append(ask_both(engines, prompt, sampling, shown=not as_json))
    sides = dict(zip(SIDES, engines, strict=True))
    summaries = {side: summarise([pair[index] for pair in pairs]) for index, side in enumerate(SIDES)}
    if as_json:
        answers = [
            {"prompt": prompt, **{side: asdict(answer) for side, answer in zip(SIDES, pair, strict=True)}}
            for prompt, pair in zip(prompts, pairs, strict=True)
        ]
        described = {
            side: {"url": engine.url, "model": engine.model, **summaries[side]} for side, engine in sides.items()
        }
        show_json({**described, "sampling": asdict(sampling), "answers": answers})
        return
    tabulate({"engine": list(SIDES), "model": [engine.model for engine in engines],
              "first token": [format_number(summaries[side]["first_token_s"], " s") for side in SIDES],
              "tokens/s": [format_number(summaries[side]["tokens_per_s"]) for side in SIDES],
              "tokens": [format_number(summaries[side]["tokens"]) for side in SIDES]})  # fmt: skip


def ask_both(
    engines: tuple[ComparedEngine, ComparedEngine], prompt: str, sampling: Sampling, *, shown: bool
) -> list[Answer]:
    """Ask one prompt, one engine after the other; on a terminal the columns fill as the answers are written."""
    texts, answers = ["", ""], []
    if shown and out.is_terminal:
        with Live(make_columns(engines, texts), console=out, vertical_overflow="visible") as live:
            for index, engine in enumerate(engines):

                def update(text: str, index: int = index) -> None:
                    texts[index] = text
                    live.update(make_columns(engines, texts))

                answers.append(engine.ask(prompt, sampling, update))
        return answers
    answers = [engine.ask(prompt, sampling) for engine in engines]
    if shown:
        out.print(make_columns(engines, [answer.text for answer in answers]), soft_wrap=False)
    return answers


def make_columns(engines: tuple[ComparedEngine, ComparedEngine], texts: list[str]) -> Table:
    """Put two answers beside each other."""
    table = Table(expand=True)
    for side, engine in zip(SIDES, engines, strict=True):
        table.add_column(Text(f"{side}: {engine.model}"), ratio=1)
    table.add_row(*map(Text, texts))
    return table


def format_number(value: float | None, unit: str = "") -> str:
    """Format a number for a table; a dash if there is none."""
    return "-" if value is None else f"{value:.2f}{unit}" if unit else f"{value:.1f}"


def compare_jobs(job_ids: list[str], *, as_json: bool) -> None:
    """Show how much of the author's voice each evaluated model has, and which is clearly closer to the author."""
    client = connect()
    comparison = client.compare([resolve_job(client, text) for text in job_ids])
    if as_json:
        show_json(comparison)
        return
    sides = [(side, side["result"], side["result"]["voice"] or {}) for side in comparison["models"]]
    tabulate({"job": [side["job"] for side, *_ in sides], "model": [side["model"] for side, *_ in sides],
              "verdict": [voice.get("verdict", "not measured").replace("_", " ") for *_, voice in sides],
              "T": [format_score(voice) for *_, voice in sides],
              "loss": [f"{-result['author']['drop_percent']:+.1f} %" for _, result, _ in sides]})  # fmt: skip
    for difference in comparison["differences"]:
        out.print(f"{difference['job']}: {difference['summary']}")


def format_score(voice: Mapping[str, Any]) -> str:
    """Format T with its interval for a table."""
    return (
        f"{voice['folded']:.0f} ({voice['low']:.0f} to {voice['high']:.0f})" if voice.get("folded") is not None else ""
    )
