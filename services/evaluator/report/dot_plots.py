"""The dot plots of the report: T between base and author, and how much the loss fell."""

from __future__ import annotations

from scriptorium.contracts import LossDrop
from scriptorium.contracts.report.voice import Estimate, Voice, VoiceOutcome
from scriptorium.html.dot_plot import DotPlot, PlotValue, lay_out
from services.evaluator.voice.verdict import TARGET

ROW_HEIGHT, TOP = 34, 26  # of the transfer plot: many rows, and room for the names of the lines above them
TRANSFER_LINES = [(0.0, "base"), (TARGET, "60"), (100.0, "author")]
LOSS_LINES = [(0.0, "")]


def draw_transfer_plot(outcome: VoiceOutcome) -> DotPlot | None:
    """Lay out T of the tuned model, the prompted base and the unseen authors, and the range of the author's chapters.

    Returns None if the voice was not measured.
    """
    if outcome.measured is None:
        return None
    voice = outcome.measured
    values = [_transfer_value("Tuned model", "tuned", voice.transfer.folded)]
    if outcome.prompted:
        values.append(_transfer_value("Base, imitating", "base", outcome.prompted))
    others = sorted(voice.impostors, key=lambda impostor: -impostor.transfer.value)
    values += [_transfer_value(impostor.name.title(), "other", impostor.transfer) for impostor in others]
    return lay_out([*values, *_chapter_range(voice)], TRANSFER_LINES, row_height=ROW_HEIGHT, top=TOP)


def _transfer_value(name: str, kind: str, estimate: Estimate) -> PlotValue:
    """Return a T with its interval."""
    label = f"{estimate.value:.0f}".replace("-", "−")
    return PlotValue(name, kind, estimate.value, estimate.low, estimate.high, label)


def _chapter_range(voice: Voice) -> list[PlotValue]:
    """Return the range of the author's held-out chapters with its median; none if there are fewer than two."""
    transfers = sorted(chapter.transfer for chapter in voice.author_range)
    if len(transfers) < 2:
        return []
    low, high = transfers[0], transfers[-1]
    label = f"{low:.0f}–{high:.0f}".replace("-", "−")
    return [PlotValue("Your own chapters", "author", transfers[len(transfers) // 2], low, high, label)]


def draw_loss_drops(author: LossDrop, others: LossDrop | None) -> DotPlot:
    """Lay out the drop on the author's held-out chapters and, if there are any, on other authors' pages."""
    values = [_drop_value("This author", "tuned", author)]
    if others is not None:
        values.append(_drop_value("Other authors", "base", others))
    return lay_out(values, LOSS_LINES)


def _drop_value(name: str, kind: str, drop: LossDrop) -> PlotValue:
    """Return a drop of the loss with its interval."""
    label = f"{drop.drop_percent:.1f} %".replace("-", "−")
    return PlotValue(name, kind, drop.drop_percent, drop.low_percent, drop.high_percent, label)
