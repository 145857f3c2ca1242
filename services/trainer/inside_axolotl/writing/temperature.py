"""Find the temperature at which a text is as predictable as a genuine one.

The loss of what a model writes rises with the temperature that it writes at, so a secant finds the temperature in a few
measurements. The standard library is enough.
"""

from __future__ import annotations

from collections.abc import Callable

LOWEST, HIGHEST = 0.7, 1.2  # colder text repeats itself, hotter text falls apart
FIRST = 1.0  # the model's own distribution
FIRST_STEP = 0.12  # from the first measurement to the second, in the direction of the target
MEASUREMENTS = 4
CLOSE = 0.02  # nats per token: below the noise of two dozen passages

Curve = dict[float, float]  # the loss by temperature


def find_temperature(measure: Callable[[float], float], target: float) -> tuple[float, Curve]:
    """Return the temperature whose loss is `target`, rounded to 0.01, and every measurement that it follows from.

    A target that no temperature from LOWEST to HIGHEST reaches gets the nearest of the two.
    """
    curve: Curve = {}
    temperature = FIRST
    while len(curve) < MEASUREMENTS and temperature not in curve:
        curve[temperature] = measure(temperature)
        if abs(curve[temperature] - target) < CLOSE:
            return temperature, curve
        temperature = next_temperature(curve, target)
    return temperature, curve


def next_temperature(curve: Curve, target: float) -> float:
    """Return where the target is expected, from the two measurements around it, or else from the two nearest to it."""
    if len(curve) == 1:
        [(temperature, loss)] = curve.items()
        return limit(temperature + (FIRST_STEP if loss < target else -FIRST_STEP))
    below = [temperature for temperature, loss in curve.items() if loss <= target]
    above = [temperature for temperature, loss in curve.items() if loss > target]
    nearest = sorted(curve, key=lambda temperature: abs(curve[temperature] - target))
    low, high = (max(below), min(above)) if below and above else sorted(nearest[:2])
    if curve[low] >= curve[high]:  # noise, or a text that no temperature changes: go on in the target's direction
        return limit(low - FIRST_STEP) if curve[low] > target else limit(high + FIRST_STEP)
    return limit(low + (high - low) * (target - curve[low]) / (curve[high] - curve[low]))


def limit(temperature: float) -> float:
    """Return the temperature within its limits, rounded to 0.01."""
    return round(min(HIGHEST, max(LOWEST, temperature)), 2)
