"""The two scores as a picture: a dot with its interval each, from never to always, with chance in the middle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from scriptorium.axis import Axis, Tick
from services.api.reading.tally import Score

WIDTH, LEFT, RIGHT, ROW, TOP, BOTTOM = 720, 150, 70, 46, 8, 50


class Scored(Protocol):
    """What has a score for each question: a reader, or everybody."""

    closer: Score
    better: Score


@dataclass(frozen=True)
class Bar:
    """A question, its dot, the ends of its interval, and the share in words."""

    name: str
    y: float
    dot: float
    low: float
    high: float
    label: str


@dataclass(frozen=True)
class Picture:
    """Everything the template needs."""

    bars: list[Bar]
    ticks: list[Tick]
    chance: float
    bottom: int
    height: int
    width: int = WIDTH
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP


def draw_scores(found: Scored) -> Picture | None:
    """Lay out both questions' scores; None where nobody has chosen yet."""
    x = Axis(0, 100, LEFT, WIDTH - RIGHT)
    bars: list[Bar] = []
    for name, score in (("Closer", found.closer), ("Better written", found.better)):
        share, low, high = score.share_percent, score.low_percent, score.high_percent
        if share is not None and low is not None and high is not None:
            y = TOP + ROW * (len(bars) + 0.5)
            bars.append(Bar(name, y, x.place(share), x.place(low), x.place(high), f"{share:.0f} %"))
    bottom = TOP + ROW * len(bars)
    ticks = [Tick(x.place(value), f"{value:g}") for value in x.ticks(4)]
    return Picture(bars, ticks, x.place(50), bottom, bottom + BOTTOM) if bars else None
