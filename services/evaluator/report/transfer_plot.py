"""Where the tuned model lies between base and author, as a picture, with other authors and the author's chapters."""

from __future__ import annotations

from scriptorium.html.dot_plot import Bars, Row, lay_out
from services.evaluator.voice.result import Voice
from services.evaluator.voice.transfer import Estimate
from services.evaluator.voice.verdict import TARGET
from services.evaluator.voice_outcome import VoiceOutcome

ROW, TOP = 34, 26  # many rows, and room for the names of the lines above them
LINES = [(0.0, "base"), (TARGET, "60"), (100.0, "author")]


def draw_places(outcome: VoiceOutcome) -> Bars | None:
    """Lay out T of the tuned model, of asking alone and of unseen other authors, and the range of your chapters."""
    if outcome.measured is None:
        return None
    voice = outcome.measured
    rows = [_row("Tuned model", "tuned", voice.transfer.folded)]
    if outcome.prompted:
        rows.append(_row("Base, imitating", "base", outcome.prompted))
    others = sorted(voice.impostors, key=lambda impostor: -impostor.transfer.value)
    rows += [_row(impostor.name.title(), "other", impostor.transfer) for impostor in others]
    return lay_out([*rows, *_range(voice)], LINES, row=ROW, top=TOP)


def _row(name: str, kind: str, found: Estimate) -> Row:
    return Row(name, kind, found.value, found.low, found.high, f"{found.value:.0f}".replace("-", "−"))


def _range(voice: Voice) -> list[Row]:
    """The author's chapters that were kept back, from the least to the most typical one."""
    found = sorted(chapter.transfer for chapter in voice.author_range)
    if len(found) < 2:
        return []
    label = f"{found[0]:.0f}–{found[-1]:.0f}".replace("-", "−")
    return [Row("Your own chapters", "author", found[len(found) // 2], found[0], found[-1], label)]
