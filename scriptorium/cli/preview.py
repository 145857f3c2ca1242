"""A preview of cleaning in a terminal: each step's changes, before and after, and how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scriptorium.contracts import Change, CleaningStep

if TYPE_CHECKING:
    from services.data.preview import Preview

MAX_CHAPTERS = 60  # listed one by one


def print_preview(preview: Preview, console: Console) -> None:
    """Print every step with its first changes as a diff, then the chapters and the counts."""
    for step in preview.steps:
        print_step(step, console)
    for finding in preview.findings:
        console.print(Text(f"{finding.place}: {finding.message}", style="yellow"))
    print_chapters(preview, console)
    table = Table("step", "changes", "words left out", "in doubt", "what it does", box=None, header_style="bold")
    for column in table.columns[1:4]:
        column.justify = "right"
    for step in preview.steps:
        counts = [f"{step.count:,}", f"{step.words:,}", f"{step.doubtful_words:,}"]
        table.add_row(display_name(step.name), *counts, step.meaning)
    console.print(table, soft_wrap=False)
    removed = preview.words_in - preview.words_kept
    console.print(f"\n{preview.words_in:,} words in, {preview.words_kept:,} kept ({removed:,} fewer); "
                  f"{len(preview.chapters):,} chapter(s). Nothing was written.")  # fmt: skip


def print_step(step: CleaningStep, console: Console) -> None:
    """Print a step's name, count and first changes."""
    console.print(
        Text.assemble((display_name(step.name), "bold"), (f"  {step.count:,}", "bold cyan"), f"  {step.meaning}")
    )
    for change in step.examples:
        print_change(change, console)
    others = [change for change in step.doubtful if change not in step.examples]
    if step.doubtful:
        console.print(
            Text(f"  {step.doubtful_words:,} words could be story; --keep {step.name} keeps them", style="yellow")
        )
    for change in others:
        print_change(change, console)
    shown = len(step.examples)
    if step.count > shown > 0:
        console.print(Text(f"  the first {shown} are shown; --changes shows more", style="dim"))
    console.print()


def print_change(change: Change, console: Console) -> None:
    """Print the place of a change, then the text before and after it."""
    console.print(Text(f"  {change.place}", style="dim"))
    for sign, text, style in (("-", change.before, "red"), ("+", change.after, "green")):
        for line in text.split("\n") if text else ():
            console.print(Text(f"  {sign} {line}", style=style))


def print_chapters(preview: Preview, console: Console) -> None:
    """Print the chapters."""
    table = Table("chapter", "words", box=None, header_style="bold")
    table.columns[1].justify = "right"
    for chapter in preview.chapters[:MAX_CHAPTERS]:
        table.add_row(Text(chapter.title), f"{chapter.words:,}")
    console.print(table, soft_wrap=False)
    if len(preview.chapters) > MAX_CHAPTERS:
        console.print(f"... and {len(preview.chapters) - MAX_CHAPTERS:,} more chapters")
    console.print()


def display_name(name: str) -> str:
    """Return a step's name in plain words."""
    return name.replace("_", " ")
