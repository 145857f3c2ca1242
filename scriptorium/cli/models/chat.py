"""`scriptorium chat`: write with a tuned model, piece by piece as it answers; and with its base beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from scriptorium.cli.app import Json, app, complete_model, connect
from scriptorium.cli.client import Client
from scriptorium.cli.jobs.ids import resolve_job
from scriptorium.cli.terminal import err, out, show_json
from scriptorium.errors import Conflict, ModelMissing, ScriptoriumError
from scriptorium.models.model_name import TUNED
from scriptorium.process.control_characters import clean

WAIT = 600.0  # seconds for a model to be loaded

Message = dict[str, Any]


class ChatVoice:
    """One model in a conversation, with its side of what was said so far."""

    def __init__(self, client: Client, model: str, sampling: dict[str, float]) -> None:
        self._client, self._sampling = client, sampling
        self.model = model
        self.messages: list[Message] = []

    def answer(self, prompt: str, on_text: Callable[[str], None] = lambda text: None) -> str:
        """Return the answer to a prompt, and remember both; `on_text` gets each piece as it is written.

        An answer that fails leaves the conversation as it was.
        """
        messages = [*self.messages, {"role": "user", "content": prompt}]
        text = ""
        for piece in self._client.chat(self.model, messages, WAIT, **self._sampling):
            text += piece
            on_text(piece)
        self.messages = [*messages, {"role": "assistant", "content": text}]
        return text


@app.command(epilog='Example: scriptorium chat 1a2b --base --prompt "Write a scene at sea."', rich_help_panel="Models")
def chat(
    model: Annotated[
        str | None,
        typer.Argument(
            help="A model, or a job's id or its last characters; default: the newest job's model.",
            autocompletion=complete_model,
        ),
    ] = None,
    prompt: Annotated[str | None, typer.Option("--prompt", "-p", help="Ask this alone, then end.")] = None,
    beside_base: Annotated[
        bool, typer.Option("--base", "-b", help="Let the base model answer, too, beside it.")
    ] = False,
    temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="Default: what its job was calibrated to.")
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = 700,
    as_json: Json = False,
) -> None:
    """Chat with a model; a cold one is loaded first. An empty line or Ctrl-D ends the conversation."""
    client = connect()
    name = find_voice(client, model)
    sampling = {"max_tokens": max_tokens, **({} if temperature is None else {"temperature": temperature})}
    names = [base_of(client, name), name] if beside_base else [name]
    voices = [ChatVoice(client, voice, sampling) for voice in names]
    if prompt is not None:
        converse(voices, prompt, as_json=as_json)
        return
    err.print(f"{' and '.join(names)}: an empty line ends the conversation.")
    for line in read_prompts():
        try:
            converse(voices, line, as_json=as_json)
        except KeyboardInterrupt:
            err.print("\n(interrupted)")


def find_voice(client: Client, text: str | None) -> str:
    """Return the name of the model that is meant. Raises ModelMissing, JobMissing and Conflict."""
    if text is None:
        name = next((job["fine_tuned_model"] for job in client.all_jobs() if job["fine_tuned_model"]), None)
        if name is None:
            raise ModelMissing("No job has made a model yet.", next_step="Send a book: `scriptorium run my-book.txt`.")
        return str(name)
    try:
        return str(client.model(text)["id"])
    except ScriptoriumError as error:
        if error.code != ModelMissing.code or text.startswith(TUNED) or "/" in text:
            raise
    job = client.job(resolve_job(client, text))
    if not job["fine_tuned_model"]:
        raise Conflict(
            f"{job['id']} has no model: it is {job['status']}.",
            next_step=f"Follow it with `scriptorium follow {job['id']}`.",
        )
    return str(job["fine_tuned_model"])


def base_of(client: Client, name: str) -> str:
    """Return the base of a tuned model: the one that its parents lead to. Raises Conflict if it is a base itself."""
    base = client.model(name)["parent"]
    while base and base.startswith(TUNED):
        base = client.model(base)["parent"]
    if not base:
        raise Conflict(f"{name} is a base model.", param="--base", next_step="Name a tuned model, or leave --base out.")
    return str(base)


def read_prompts() -> Iterator[str]:
    """Yield what the user types, line by line, up to an empty line or the end."""
    interactive = sys.stdin.isatty()
    while True:
        if interactive:
            out.print("> ", end="", style="bold")
        line = sys.stdin.readline()
        if not line.strip():
            return
        yield line.strip()


def converse(voices: Sequence[ChatVoice], prompt: str, *, as_json: bool) -> None:
    """Let every voice answer a prompt: as JSON, streamed, or in columns beside each other."""
    if as_json:
        answers = [{"model": voice.model, "text": voice.answer(prompt)} for voice in voices]
        show_json({"prompt": prompt, "answers": answers})
    elif len(voices) == 1:
        with waiting(voices[0].model) as stop_waiting:

            def write(piece: str) -> None:
                stop_waiting()
                out.out(piece, end="")
                out.file.flush()

            voices[0].answer(prompt, write)
        out.print()
    else:
        answer_beside(voices, prompt)


@contextmanager
def waiting(model: str) -> Iterator[Callable[[], None]]:
    """Show on a terminal that a model is loading or thinking, until the yielded function is called."""
    status = err.status(Text(f"waiting for {clean(model)}"))
    if err.is_terminal:
        status.start()
    try:
        yield status.stop
    finally:
        status.stop()


def answer_beside(voices: Sequence[ChatVoice], prompt: str) -> None:
    """Show the answers in columns that fill as they are written, one voice after the other: they share a device.

    What is too long for the screen is cut off while it is written, and whole in the end.
    """
    texts = [""] * len(voices)
    with Live(console=out, transient=True, auto_refresh=out.is_terminal) as live:
        for index, voice in enumerate(voices):

            def write(piece: str, index: int = index) -> None:
                texts[index] += piece
                live.update(make_columns(voices, texts))

            voice.answer(prompt, write)
    out.print(make_columns(voices, texts), soft_wrap=False)


def make_columns(voices: Sequence[ChatVoice], texts: Sequence[str]) -> Table:
    """Put answers beside each other under the names of their models."""
    table = Table(expand=True)
    for voice in voices:
        table.add_column(Text(voice.model, overflow="fold"), ratio=1, overflow="fold")
    table.add_row(*map(Text, texts))
    return table
