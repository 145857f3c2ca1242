"""The loss curve as a picture: where each line, mark and tick goes. The template draws it."""

from __future__ import annotations

from dataclasses import dataclass

from scriptorium.html.axis import Axis, Tick, axis_around
from scriptorium.sampling import spread
from services.evaluator.report.training_losses import Losses, Point

WIDTH, HEIGHT = 720, 330
LEFT, RIGHT, TOP, BOTTOM = 52, 100, 34, 50  # room for the numbers, the names of the lines and the axis titles
MOST = 400  # points of a line: more than the picture has room for


@dataclass(frozen=True)
class Line:
    """One line: its name and css class, its marks, and where the name stands."""

    name: str
    marks: list[tuple[float, float]]
    label_y: float

    @property
    def path(self) -> str:
        """The marks as the `points` of an SVG polyline."""
        return " ".join(f"{x},{y}" for x, y in self.marks)


@dataclass(frozen=True)
class Curve:
    """Everything the template needs; `summary` says the same in words."""

    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    summary: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def draw_curve(losses: Losses) -> Curve | None:
    """Lay out training and dev loss over the steps; None where nothing was logged."""
    named = {"training": losses.train, "dev": losses.dev}
    drawn = {name: points for name, points in named.items() if points}
    if not drawn:
        return None
    every = [point for points in drawn.values() for point in points]
    x = Axis(0, max(1, *(point.step for point in every)), LEFT, WIDTH - RIGHT)
    y = axis_around([point.loss for point in every], HEIGHT - BOTTOM, TOP)
    return Curve(
        lines=_lines(drawn, x, y),
        x_ticks=[Tick(x.place(step), f"{step:g}") for step in x.ticks(6) if step == int(step)],
        y_ticks=[Tick(y.place(loss), f"{loss:.4g}") for loss in y.ticks(6)],
        summary=" ".join(_tell(name, points) for name, points in drawn.items()),
    )


def _lines(drawn: dict[str, list[Point]], x: Axis, y: Axis) -> list[Line]:
    lines: list[Line] = []
    for name, points in drawn.items():
        kept = [*spread(points[:-1], MOST), points[-1]]
        marks = [(x.place(point.step), y.place(point.loss)) for point in kept]
        lines.append(Line(name, marks, _clear(marks[-1][1], lines)))
    return lines


def _clear(wanted: float, lines: list[Line]) -> float:
    """A height for a name at which it does not cover another one."""
    for line in lines:
        if abs(wanted - line.label_y) < 15:
            return line.label_y + (15 if wanted >= line.label_y else -15)
    return wanted


def _tell(name: str, points: list[Point]) -> str:
    first, last = points[0], points[-1]
    text = {"training": "The loss on the training text", "dev": "The loss on the dev chapters"}[name]
    if first.step == last.step:
        return f"{text} was {first.loss:.2f} at step {first.step}."
    return f"{text} went from {first.loss:.2f} at step {first.step} to {last.loss:.2f} at step {last.step}."
