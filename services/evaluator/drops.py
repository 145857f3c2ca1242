"""The drops in loss as a picture: a dot with its interval per set of passages, all on one axis with zero."""

from __future__ import annotations

from dataclasses import dataclass

from scriptorium.axis import Tick, axis_around
from scriptorium.contracts import LossDrop

WIDTH, LEFT, RIGHT, ROW, TOP, BOTTOM = 720, 150, 90, 46, 8, 50


@dataclass(frozen=True)
class Bar:
    """A row: its name, its css class, the dot, the ends of the interval and the value in words."""

    name: str
    kind: str
    y: float
    dot: float
    low: float
    high: float
    label: str


@dataclass(frozen=True)
class Drops:
    """Everything the template needs."""

    bars: list[Bar]
    ticks: list[Tick]
    zero: float
    height: int
    bottom: int
    width: int = WIDTH
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP


def draw_drops(author: LossDrop, others: LossDrop | None) -> Drops:
    """Lay out the drop on the author's held-out chapters and, if there are any, on other authors' pages."""
    rows = [("This author", "tuned", author), ("Other authors", "base", others)]
    present = [(name, kind, drop) for name, kind, drop in rows if drop is not None]
    ends = [end for *_, drop in present for end in (drop.low_percent, drop.high_percent, drop.drop_percent)]
    x = axis_around([0.0, *ends], LEFT, WIDTH - RIGHT)
    bars = [
        Bar(
            name=name,
            kind=kind,
            y=TOP + ROW * (number + 0.5),
            dot=x.place(drop.drop_percent),
            low=x.place(drop.low_percent),
            high=x.place(drop.high_percent),
            label=f"{drop.drop_percent:.1f} %".replace("-", "−"),
        )
        for number, (name, kind, drop) in enumerate(present)
    ]
    bottom = TOP + ROW * len(bars)
    ticks = [Tick(x.place(value), f"{value:g}".replace("-", "−")) for value in x.ticks(6)]
    return Drops(bars, ticks, x.place(0.0), bottom + BOTTOM, bottom)
