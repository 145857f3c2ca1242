"""The layout of the loss curve: the positions of lines, marks and ticks.

The report and the page of a job draw it with the macro `loss_curve` of loss_curve.svg.j2, which
`scriptorium.html.templates` makes available.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from scriptorium.contracts.report.document import LossPoint, TrainingLosses
from scriptorium.html.axis import Axis, Tick, axis_around, free_height
from scriptorium.sampling import spread

WIDTH, HEIGHT = 720, 330
LEFT, RIGHT, TOP, BOTTOM = 52, 100, 34, 50  # room for the numbers, the names of the lines and the axis titles
NARROW_WIDTH, NARROW_RIGHT = 340, 12  # for a phone: the lines are named below the picture
LABEL_HEIGHT = 15
LINE_LABELS = {"training": "training", "dev": "choosing"}

MAX_POINTS = 400  # of a line: more than the picture has room for


@dataclass(frozen=True)
class CurveWords:
    """What a curve is called: its title, its axis, its lines by name, and what its numbers mean."""

    title: str
    axis: str
    lines: dict[str, str]
    meaning: str


OF_TEXT = CurveWords(
    title="Surprise (loss) on the training text and on chapters kept for choosing, over the steps",
    axis="surprise per word piece (loss)",
    lines={
        "training": "The surprise (loss) on the training text",
        "dev": "The surprise on the chapters kept for choosing",
    },
    meaning="Surprise is measured in nats per token (word piece): 0 would be certainty. While both lines fall "
    "together, the model learns; once that of the chapters kept for choosing rises again, it begins to memorise.",
)
OF_PREFERENCES = CurveWords(
    title="Loss on the preferences trained and on those kept for choosing, over the steps",
    axis="loss of preferences",
    lines={
        "training": "The loss on the preferences trained",
        "dev": "The loss on the preferences kept for choosing",
    },
    meaning="It begins at 0.69, where the model prefers neither answer more than its base does, and nears 0 as it "
    "comes to prefer the right one. Once the line of those kept for choosing rises again, it begins to memorise.",
)


@dataclass(frozen=True)
class CurveLine:
    """One line: its name, which is its CSS class, its label, its marks, and the height of its label."""

    name: str
    label: str
    marks: list[tuple[float, float]]
    label_y: float

    @property
    def path(self) -> str:
        """The marks as the `points` of an SVG polyline."""
        return " ".join(f"{x},{y}" for x, y in self.marks)


@dataclass(frozen=True)
class Curve:
    """Everything that the template needs; `summary` is the same in words, `narrow` the same for a phone."""

    lines: list[CurveLine]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    summary: str
    words: CurveWords
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM
    narrow: Curve | None = None


def draw_curve(losses: TrainingLosses) -> Curve | None:
    """Lay out training and dev loss over the steps; returns None if nothing was logged."""
    named = {"training": losses.train, "dev": losses.dev}
    drawn = {name: points for name, points in named.items() if points}
    if not drawn:
        return None
    narrow_right = NARROW_WIDTH - NARROW_RIGHT
    words = OF_PREFERENCES if losses.preferences else OF_TEXT
    narrow = replace(_lay_out(drawn, words, narrow_right, ticks=4), width=NARROW_WIDTH, right=narrow_right)
    return replace(_lay_out(drawn, words, WIDTH - RIGHT), narrow=narrow)


def _lay_out(drawn: dict[str, list[LossPoint]], words: CurveWords, right: int, ticks: int = 6) -> Curve:
    """Lay out the lines from the left margin to `right`."""
    all_points = [point for points in drawn.values() for point in points]
    x = Axis(0, max(1, *(point.step for point in all_points)), LEFT, right)
    y = axis_around([point.loss for point in all_points], HEIGHT - BOTTOM, TOP)
    return Curve(
        lines=_lay_out_lines(drawn, x, y),
        x_ticks=[Tick(x.place(step), f"{step:g}") for step in x.ticks(ticks) if step == int(step)],
        y_ticks=[Tick(y.place(loss), f"{loss:.4g}") for loss in y.ticks(6)],
        summary=" ".join(_describe(words.lines[name], points) for name, points in drawn.items()),
        words=words,
    )


def _lay_out_lines(drawn: dict[str, list[LossPoint]], x: Axis, y: Axis) -> list[CurveLine]:
    """Lay out each line, thinned to MAX_POINTS; its last point always stays."""
    lines: list[CurveLine] = []
    for name, points in drawn.items():
        thinned = [*spread(points[:-1], MAX_POINTS), points[-1]]
        marks = [(x.place(point.step), y.place(point.loss)) for point in thinned]
        label_y = free_height(marks[-1][1], [line.label_y for line in lines], LABEL_HEIGHT)
        lines.append(CurveLine(name, LINE_LABELS[name], marks, label_y))
    return lines


def _describe(title: str, points: list[LossPoint]) -> str:
    """Describe a line by its first and its last point."""
    first, last = points[0], points[-1]
    if first.step == last.step:
        return f"{title} was {first.loss:.2f} at step {first.step}."
    return f"{title} went from {first.loss:.2f} at step {first.step} to {last.loss:.2f} at step {last.step}."
