"""The picture of the trials: T on dev briefs against what is sure of the instructions, a point for each.

The report draws it with the macro `calibration_plot` of calibration.svg.j2; `render_calibration` makes a file of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scriptorium.contracts import TrialScore
from scriptorium.html.axis import Tick, axis_around, free_height
from scriptorium.html.templates import page_templates
from services.evaluator.retention.power import margin

TEMPLATES = Path(__file__).parent
WIDTH, HEIGHT = 720, 380
LABEL_WIDTH, LABEL_HEIGHT, LABEL_DROP = 100, 16, 5
NARROW_WIDTH, NARROW_LEFT, NARROW_RIGHT, NARROW_LABEL = 340, 40, 50, 70  # for a phone
LEFT, RIGHT, TOP, BOTTOM = 60, 60, 30, 56  # room for the numbers, labels beside the points, and the titles of the axes


@dataclass(frozen=True)
class TrialPoint:
    """A trial in the picture: its CSS class, its place, the ends of its interval, its label, and the same in words."""

    kind: str
    x: float
    y: float
    low: float
    high: float
    label: str
    label_y: float
    summary: str


@dataclass(frozen=True)
class CalibrationPlot:
    """Everything that the template needs; to the right of `limit` a loss beyond the margin is ruled out.

    `narrow` is the same for a phone.
    """

    points: list[TrialPoint]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    limit: Tick
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM
    narrow: CalibrationPlot | None = None


def draw_calibration(scores: Sequence[TrialScore]) -> CalibrationPlot | None:
    """Lay out the trials of which both numbers are known; returns None if there is none."""
    shown = [score for score in scores if score.transfer is not None and score.low_points is not None]
    if not shown:
        return None
    left, right = NARROW_LEFT, NARROW_WIDTH - NARROW_RIGHT
    narrow = replace(_lay_out(shown, left, right, NARROW_LABEL, ticks=4), width=NARROW_WIDTH, left=left, right=right)
    return replace(_lay_out(shown, LEFT, WIDTH - RIGHT, LABEL_WIDTH), narrow=narrow)


def _lay_out(shown: Sequence[TrialScore], left: int, right: int, label_width: int, ticks: int = 6) -> CalibrationPlot:
    """Lay out the trials from the left to the right margin; labels are `label_width` wide."""
    allowed = -margin(shown[0].asked)
    x = axis_around([allowed, 0.0, *(score.low_points or 0.0 for score in shown)], left, right)
    heights = [value for score in shown for value in (score.transfer, score.low, score.high) if value is not None]
    y = axis_around(heights, HEIGHT - BOTTOM, TOP)
    several = len({score.step for score in shown}) > 1
    points: list[TrialPoint] = []
    for score in shown:
        transfer = score.transfer or 0.0
        low, high = (transfer if end is None else end for end in (score.low, score.high))
        place = x.place(score.low_points or 0.0), y.place(transfer)
        beside = [point.label_y for point in points if abs(point.x - place[0]) < label_width]
        points.append(
            TrialPoint(
                kind="tuned" if score.chosen else "other",
                x=place[0],
                y=place[1],
                low=y.place(low),
                high=y.place(high),
                label=f"{score.step} × {score.strength:g}" if several else f"{score.strength:g}",
                label_y=free_height(place[1] + LABEL_DROP, beside, LABEL_HEIGHT),
                summary=_summarise(score),
            )
        )
    return CalibrationPlot(
        points=points,
        x_ticks=[Tick(x.place(value), f"{value:g}".replace("-", "−")) for value in x.ticks(ticks)],
        y_ticks=[Tick(y.place(value), f"{value:g}".replace("-", "−")) for value in y.ticks(6)],
        limit=Tick(x.place(allowed), f"{allowed:.0f} points".replace("-", "−")),
    )


def render_calibration(plot: CalibrationPlot) -> str:
    """Render the picture as a file of its own."""
    templates = page_templates(TEMPLATES)
    return templates.get_template("calibration_file.svg.j2").render(plot=plot)


def _summarise(score: TrialScore) -> str:
    """Describe a point for those who cannot see it."""
    words = f"T {score.transfer:.0f}, {score.followed} of {score.asked} instructions followed"
    chosen = ", chosen" if score.chosen else ""
    return f"Checkpoint {score.step} at strength {score.strength:g}: {words}{chosen}."
