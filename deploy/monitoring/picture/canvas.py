"""Grafana's dark theme: its colours, its grid, and the frame of a panel."""

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

BACKGROUND, PANEL_BACKGROUND, BORDER, GRID = "#111217", "#181b1f", "#2a2d33", "#2c2f36"
TEXT, FAINT_TEXT = "#d8d9df", "#9a9ba6"
NAMED_COLOURS = {
    "green": "#73BF69",
    "yellow": "#F2CC0C",
    "blue": "#5794F2",
    "orange": "#FF9830",
    "red": "#F2495C",
    "purple": "#B877D9",
    "transparent": "#00000000",
}
PALETTE = ("#73BF69", "#F2CC0C", "#5794F2", "#FF9830", "#F2495C", "#B877D9", "#8AB8FF", "#FFA6B0", "#C8F2C2")
CELL_WIDTH, CELL_HEIGHT, MARGIN, HEADER_HEIGHT = 66.0, 38.0, 4.0, 58.0  # pixels


def theme_colour(name: str) -> str:
    """Return the theme's shade of a colour that a board names."""
    return NAMED_COLOURS.get(name, name)


def threshold_colour(value: float | None, defaults: Json) -> str:
    """Return the colour of the highest threshold that a value reaches."""
    reached = [step for step in defaults["thresholds"]["steps"] if value is not None
               and (step["value"] is None or value >= step["value"])]  # fmt: skip
    return theme_colour(reached[-1]["color"]) if reached else FAINT_TEXT


@cache
def text_width(text: str, size: float) -> float:
    """Return the width of a text in pixels."""
    return float(TextPath((0, 0), text, size=size).get_extents().width) * 100 / 72


def grid_spacing(maximum: float, unit: str) -> float:
    """Return the distance of the lines of a grid: about five lines, at round numbers of the unit."""
    rough = max(maximum / 5.5, 1e-12)
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

    def shrink(self, left: float, top: float, right: float, bottom: float) -> Box:
        """Return the rectangle without margins at its edges."""
        return Box(self.x + left, self.y + top, self.width - left - right, self.height - top - bottom)


class Canvas:
    """A figure with coordinates in pixels."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor=BACKGROUND)

    def axes(self, box: Box) -> Axes:
        """Add axes that fill a rectangle."""
        bounds = (box.x / self.width, 1 - (box.y + box.height) / self.height, box.width / self.width,
                  box.height / self.height)  # fmt: skip
        axes = self.figure.add_axes(bounds, facecolor="none")
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.tick_params(colors=FAINT_TEXT, labelsize=8.5, length=0)
        axes.set_axisbelow(True)
        return axes

    def pixel_axes(self, box: Box) -> Axes:
        """Add axes without ticks, with coordinates in pixels from the upper left corner."""
        axes = self.axes(box)
        axes.set_xlim(0, box.width)
        axes.set_ylim(box.height, 0)
        axes.set_xticks([])
        axes.set_yticks([])
        return axes

    def write(self, x: float, y: float, text: str, **style: Any) -> None:
        """Write text at a position in pixels."""
        self.figure.text(x / self.width, 1 - y / self.height, text, **{"color": TEXT, "va": "center", **style})

    def draw_frame(self, box: Box, title: str) -> None:
        """Draw a panel's background and title."""
        axes = self.pixel_axes(box)
        style = "round,pad=0,rounding_size=4"
        axes.add_patch(FancyBboxPatch((1, 1), box.width - 2, box.height - 2, boxstyle=style, facecolor=PANEL_BACKGROUND,
                                      edgecolor=BORDER, linewidth=1))  # fmt: skip
        self.write(box.x + 10, box.y + 17, title, fontsize=10.5, fontweight="bold")


def panel_box(panel: Json) -> Box:
    """Return the rectangle of a panel."""
    grid = panel["gridPos"]
    return Box(
        grid["x"] * CELL_WIDTH + MARGIN,
        HEADER_HEIGHT + grid["y"] * CELL_HEIGHT + MARGIN,
        grid["w"] * CELL_WIDTH - 2 * MARGIN,
        grid["h"] * CELL_HEIGHT - 2 * MARGIN,
    )
