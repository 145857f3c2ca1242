"""Numbers as Grafana writes them: a value with its unit."""

from __future__ import annotations

import math

DURATION_UNITS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "mins"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
UNIT_SCALES = {
    "bytes": (1024, ("B", "KiB", "MiB", "GiB", "TiB")),
    "Bps": (1000, ("B/s", "KB/s", "MB/s", "GB/s")),
    "watt": (1000, ("W", "kW")),
    "reqps": (1000, ("req/s", "K req/s")),
    "ops": (1000, ("ops/s", "K ops/s")),
    "short": (1000, ("", "K", "Mil", "Bil")),
}
UNIT_SUFFIXES = {"celsius": " °C", "percent": "%", "none": ""}


def format_value(value: float | None, unit: str, decimals: int | None = None) -> str:
    """Format a number in its unit, with as many decimals as the board sets, else with the significant digits."""
    if value is None:
        return "-"
    if unit in UNIT_SCALES:
        return _format_scaled(value, unit, decimals)
    if unit in _FORMATTERS:
        return _FORMATTERS[unit](value, decimals)
    return _format_digits(value, decimals) + UNIT_SUFFIXES.get(unit, unit.removeprefix("suffix:"))


def _format_scaled(value: float, unit: str, decimals: int | None) -> str:
    base, names = UNIT_SCALES[unit]
    power = 0 if abs(value) < base else min(int(math.log(abs(value), base)), len(names) - 1)
    return f"{_format_digits(value / base**power, decimals)} {names[power]}".rstrip()


def _format_duration(value: float, decimals: int | None) -> str:
    for size, name in DURATION_UNITS:
        if abs(value) >= size:
            return f"{_format_digits(value / size, decimals if size == 1 else None)} {name}"
    return "0 s"


def _format_share(value: float, decimals: int | None) -> str:
    return _format_digits(value * 100, decimals) + "%"


def _format_scientific(value: float, decimals: int | None) -> str:
    return "0" if value == 0 else f"{value:.{2 if decimals is None else decimals}e}".replace("e-0", "e-")


def _format_separated(value: float, decimals: int | None) -> str:
    return f"{value:,.{decimals or 0}f}"


_FORMATTERS = {
    "s": _format_duration,
    "percentunit": _format_share,
    "sci": _format_scientific,
    "locale": _format_separated,
}


def _format_digits(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    size = abs(value)
    text = f"{value:.{0 if size >= 100 else 1 if size >= 10 else 2}f}" if size >= 0.01 or not size else f"{value:.2g}"
    return text.rstrip("0").rstrip(".") if "." in text else text
