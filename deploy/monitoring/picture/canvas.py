"""Grafana's dark theme: colours, the grid, and a panel's frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.textpath import TextPath

from deploy.monitoring.live import Json

GROUND, PANEL, BORDER, GRID = "#111217", "#181b1f", "#2a2d33", "#2c2f36"
TEXT, FAINT = "#d8d9df", "#9a9ba6"
NAMED = {
    "green": "#73BF69",
    "yellow": "#F2CC0C",
    "blue": "#5794F2",
    "orange": "#FF9830",
    "red": "#F2495C",
    "purple": "#B877D9",
    "transparent": "#00000000",
}
PALETTE = ("#73BF69", "#F2CC0C", "#5794F2", "#FF9830", "#F2495C", "#B877D9", "#8AB8FF", "#FFA6B0", "#C8F2C2")
CELL_WIDTH, CELL_HEIGHT, MARGIN, HEAD = 66.0, 38.0, 4.0, 58.0  # pixels


def colour(name: str) -> str:
    """A colour that a board names, as the theme shows it."""
    return NAMED.get(name, name)


def threshold(value: float | None, defaults: Json) -> str:
    """The colour of the highest threshold that a value reaches."""
    reached = [step for step in defaults["thresholds"]["steps"] if value is not None
               and (step["value"] is None or value >= step["value"])]  # fmt: skip
    return colour(reached[-1]["color"]) if reached else FAINT


@cache
def measure(text: str, size: float) -> float:
    """How wide a text is, in pixels."""
    return float(TextPath((0, 0), text, size=size).get_extents().width) * 100 / 72


def steps(most: float, unit: str) -> float:
    """How far the lines of a grid are apart: five or so, at numbers that are round in the unit."""
    rough = max(most / 5.5, 1e-12)
    base = 1024.0 ** int(math.log(rough, 1024)) if unit == "bytes" and rough >= 1024 else 1.0
    base = next((size for size in (3600.0, 60.0) if unit == "s" and rough >= size / 3), base)
    power = 10.0 ** math.floor(math.log10(rough / base)) if rough / base < 1 or base == 1 else 1.0
    factors = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024) if unit == "bytes" else (1, 2, 2.5, 5, 10, 20, 50, 100)
    choices = [base * power * factor for factor in factors]
    return next((size for size in choices if size >= rough * 0.999), choices[-1])


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, from the figure's upper left corner."""

    x: float
    y: float
    width: float
    height: float

    def inside(self, left: float, top: float, right: float, bottom: float) -> Box:
        """The rectangle without some of its edges."""
        return Box(self.x + left, self.y + top, self.width - left - right, self.height - top - bottom)


class Canvas:
    """A figure that is measured in pixels."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor=GROUND)

    def axes(self, box: Box) -> Axes:
        """Axes that fill a rectangle."""
        bounds = (box.x / self.width, 1 - (box.y + box.height) / self.height, box.width / self.width,
                  box.height / self.height)  # fmt: skip
        axes = self.figure.add_axes(bounds, facecolor="none")
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.tick_params(colors=FAINT, labelsize=8.5, length=0)
        axes.set_axisbelow(True)
        return axes

    def plain(self, box: Box) -> Axes:
        """Axes without ticks, measured in pixels from the upper left corner."""
        axes = self.axes(box)
        axes.set_xlim(0, box.width)
        axes.set_ylim(box.height, 0)
        axes.set_xticks([])
        axes.set_yticks([])
        return axes

    def write(self, x: float, y: float, text: str, **style: Any) -> None:
        """Write text at a place in pixels."""
        self.figure.text(x / self.width, 1 - y / self.height, text, **{"color": TEXT, "va": "center", **style})

    def frame(self, box: Box, title: str) -> None:
        """Draw a panel's ground and title."""
        axes = self.plain(box)
        style = "round,pad=0,rounding_size=4"
        axes.add_patch(FancyBboxPatch((1, 1), box.width - 2, box.height - 2, boxstyle=style, facecolor=PANEL,
                                      edgecolor=BORDER, linewidth=1))  # fmt: skip
        self.write(box.x + 10, box.y + 17, title, fontsize=10.5, fontweight="bold")


def place(panel: Json) -> Box:
    """Where a panel stands."""
    grid = panel["gridPos"]
    return Box(
        grid["x"] * CELL_WIDTH + MARGIN,
        HEAD + grid["y"] * CELL_HEIGHT + MARGIN,
        grid["w"] * CELL_WIDTH - 2 * MARGIN,
        grid["h"] * CELL_HEIGHT - 2 * MARGIN,
    )
