"""The power of the comparison: the loss that n instructions can rule out, and how many the base must follow for that.

If n instructions are asked, a share d is followed by one model alone, and nothing was lost, the lower bound lies above
-(z_0.95 + z_0.80) sqrt(d / n) with a probability of 80 % (after R. J. Connor, Sample size for testing differences
in proportions for the paired-sample design, Biometrics 43 (1987), 207-211). With d = 0.15 that is 5 points at 371
instructions and 8 at 145.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

from scriptorium.instructions.instruction import Instruction
from scriptorium.stats.paired_proportions import CONFIDENCE, NORMAL, lower_bound

POWER = 0.8
DISCORDANT_SHARE = 0.15  # of the instructions: followed by only one of two equally good models
MIN_MARGIN = 5.0  # points: more than 371 instructions make the bound surer and not the demand harder
MAX_MARGIN = 8.0  # points: fewer than 145 instructions cannot show that less was lost, however good the answers are
MIN_INSTRUCTIONS = 145
NEIGHBOURS = 31  # answers that each instruction is checked against: with 32 kinds, one of every other kind


def margin(number: int) -> float:
    """Return the loss in points that has to be ruled out with `number` instructions."""
    width = 100 * (NORMAL.inv_cdf(CONFIDENCE) + NORMAL.inv_cdf(POWER)) * math.sqrt(DISCORDANT_SHARE / number)
    return min(max(width, MIN_MARGIN), MAX_MARGIN)


def share_followed_by_chance(instructions: Sequence[Instruction], answers: Sequence[str]) -> float:
    """Return the share followed by accident: by the answers to the next instructions of other kinds."""
    followed = comparisons = 0
    for index, instruction in enumerate(instructions):
        for step in range(1, NEIGHBOURS + 1):
            other = (index + step) % len(instructions)
            if instructions[other].kind != instruction.kind:
                followed += instruction.followed(answers[other])
                comparisons += 1
    return followed / comparisons if comparisons else 0.0


def detection_power(followed: int, number: int) -> float:
    """Return the probability that a model does not pass if it has lost each of `followed` instructions at 50 %."""
    needed = smallest_detected_loss(number)
    ways = sum(math.comb(followed, lost) for lost in range(needed, followed + 1))
    return ways / float(2**followed)


@cache
def smallest_detected_loss(number: int) -> int:
    """Return the smallest loss, without any gain, for which the bound does not pass."""
    allowed = -margin(number) / 100
    return next(lost for lost in range(number + 1) if lower_bound(0, lost, number) <= allowed)


@cache
def count_needed(number: int) -> int | None:
    """Count the instructions that the base must follow, beyond those by accident, for a loss of half to be noticed.

    None if too few are asked to show anything.
    """
    if number < MIN_INSTRUCTIONS:
        return None
    return next(followed for followed in range(number + 1) if detection_power(followed, number) >= POWER)
