"""Numbers as Grafana writes them: a value with its unit."""

from __future__ import annotations

import math

SECONDS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "mins"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
SCALES = {
    "bytes": (1024, ("B", "KiB", "MiB", "GiB", "TiB")),
    "Bps": (1000, ("B/s", "KB/s", "MB/s", "GB/s")),
    "watt": (1000, ("W", "kW")),
    "reqps": (1000, ("req/s", "K req/s")),
    "ops": (1000, ("ops/s", "K ops/s")),
    "short": (1000, ("", "K", "Mil", "Bil")),
}
ENDINGS = {"celsius": " °C", "percent": "%", "none": ""}


def write(value: float | None, unit: str, decimals: int | None = None) -> str:
    """A number in its unit; `decimals` is what the board asks for, else the digits that matter."""
    if value is None:
        return "-"
    if unit in SCALES:
        return _scaled(value, unit, decimals)
    if unit in _SPECIAL:
        return _SPECIAL[unit](value, decimals)
    return _digits(value, decimals) + ENDINGS.get(unit, unit.removeprefix("suffix:"))


def _scaled(value: float, unit: str, decimals: int | None) -> str:
    base, names = SCALES[unit]
    power = 0 if abs(value) < base else min(int(math.log(abs(value), base)), len(names) - 1)
    return f"{_digits(value / base**power, decimals)} {names[power]}".rstrip()


def _seconds(value: float, decimals: int | None) -> str:
    for size, name in SECONDS:
        if abs(value) >= size:
            return f"{_digits(value / size, decimals if size == 1 else None)} {name}"
    return "0 s"


def _share(value: float, decimals: int | None) -> str:
    return _digits(value * 100, decimals) + "%"


def _scientific(value: float, decimals: int | None) -> str:
    return "0" if value == 0 else f"{value:.{2 if decimals is None else decimals}e}".replace("e-0", "e-")


def _separated(value: float, decimals: int | None) -> str:
    return f"{value:,.{decimals or 0}f}"


_SPECIAL = {"s": _seconds, "percentunit": _share, "sci": _scientific, "locale": _separated}


def _digits(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    size = abs(value)
    text = f"{value:.{0 if size >= 100 else 1 if size >= 10 else 2}f}" if size >= 0.01 or not size else f"{value:.2g}"
    return text.rstrip("0").rstrip(".") if "." in text else text
