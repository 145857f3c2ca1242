"""A plot of the two scores: a dot with its interval for each, from never to always, with chance in the middle."""

from __future__ import annotations

from typing import Protocol

from scriptorium.html.dot_plot import DotPlot, PlotValue, lay_out
from services.api.blind_reading.tally import Score

CHANCE = 50.0


class QuestionScores(Protocol):
    """The scores of both questions, of one reader or of all."""

    closer: Score
    better: Score


def draw_scores(scores: QuestionScores) -> DotPlot | None:
    """Lay out the scores of both questions; return None if nobody has chosen yet."""
    questions = (("Closer", scores.closer), ("Better written", scores.better))
    rows = [row for name, score in questions for row in _row(name, score)]
    return lay_out(rows, [(CHANCE, "")], ends=(0, 100)) if rows else None


def _row(name: str, score: Score) -> list[PlotValue]:
    share, low, high = score.share_percent, score.low_percent, score.high_percent
    if share is None or low is None or high is None:
        return []
    return [PlotValue(name, "tuned", share, low, high, f"{share:.0f} %")]
