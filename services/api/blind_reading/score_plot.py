"""The two scores as a picture: a dot with its interval each, from never to always, with chance in the middle."""

from __future__ import annotations

from typing import Protocol

from scriptorium.html.dot_plot import Bars, Row, lay_out
from services.api.blind_reading.tally import Score

CHANCE = 50.0


class Scored(Protocol):
    """What has a score for each question: a reader, or everybody."""

    closer: Score
    better: Score


def draw_scores(found: Scored) -> Bars | None:
    """Lay out both questions' scores; None where nobody has chosen yet."""
    questions = (("Closer", found.closer), ("Better written", found.better))
    rows = [row for name, score in questions for row in _row(name, score)]
    return lay_out(rows, [(CHANCE, "")], ends=(0, 100)) if rows else None


def _row(name: str, score: Score) -> list[Row]:
    share, low, high = score.share_percent, score.low_percent, score.high_percent
    if share is None or low is None or high is None:
        return []
    return [Row(name, "tuned", share, low, high, f"{share:.0f} %")]
