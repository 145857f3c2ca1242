"""How small a loss so many instructions can tell, and whether this base follows enough of them to show one.

Where n instructions are asked, a share d is followed by one model alone, and nothing was lost, the lower bound lies
above -(z_0.95 + z_0.80) sqrt(d / n) with a probability of 80 % (after R. J. Connor, Sample size for testing differences
in proportions for the paired-sample design, Biometrics 43 (1987), 207-211). With d = 0.15 that is 5 points at 371
instructions and 8 at 145.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

from services.evaluator.retention.instructions.instruction import Instruction
from services.evaluator.retention.paired_interval import CONFIDENCE, NORMAL, lower_bound

POWER = 0.8
DISCORDANT = 0.15  # share of instructions followed by one of two equally good models alone
NARROWEST = 5.0  # points: more instructions than 371 make the bound surer, not the demand harder
WIDEST = 8.0  # points: fewer than 145 cannot show that so little was lost, however well it went
FEWEST = 145
NEIGHBOURS = 31  # other answers that each instruction is held against: with 32 kinds, one of every other


def margin(number: int) -> float:
    """The loss in points that has to be ruled out with so many instructions."""
    width = 100 * (NORMAL.inv_cdf(CONFIDENCE) + NORMAL.inv_cdf(POWER)) * math.sqrt(DISCORDANT / number)
    return min(max(width, NARROWEST), WIDEST)


def by_chance(instructions: Sequence[Instruction], answers: Sequence[str]) -> float:
    """The share followed by accident: by answers to the next instructions of other kinds."""
    followed = asked = 0
    for place, instruction in enumerate(instructions):
        for step in range(1, NEIGHBOURS + 1):
            other = (place + step) % len(instructions)
            if instructions[other].kind != instruction.kind:
                followed += instruction.followed(answers[other])
                asked += 1
    return followed / asked if asked else 0.0


def notices(followed: int, number: int) -> float:
    """The probability of no pass for a model that has lost each of `followed` instructions by the toss of a coin."""
    needed = least_noticed(number)
    ways = sum(math.comb(followed, lost) for lost in range(needed, followed + 1))
    return ways / float(2**followed)


@cache
def least_noticed(number: int) -> int:
    """The smallest loss without any gain that the bound does not let pass."""
    allowed = -margin(number) / 100
    return next(lost for lost in range(number + 1) if lower_bound(0, lost, number) <= allowed)


@cache
def needed_to_see(number: int) -> int | None:
    """Instructions that the base must follow, beyond those followed by accident, for a loss of half to be noticed.

    None where so few are asked that nothing could be shown.
    """
    if number < FEWEST:
        return None
    return next(followed for followed in range(number + 1) if notices(followed, number) >= POWER)
