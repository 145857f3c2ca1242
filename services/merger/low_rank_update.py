"""The arithmetic of one update: W + scale * (B @ A), and for DoRA each output scaled to its trained magnitude.

Everything is computed in fp32, a block of rows at a time and in the order in which PEFT does it. A weight may be stored
outputs x inputs (torch's linear layer) or turned, inputs x outputs (lookup tables, fan_in_fan_out). Of the two factors
the right one is kept in memory; rows of the left one are read as they are needed, for it is as long as the weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.merger.inputs.adapter import Update
from services.merger.inputs.safetensors_file import (
    Float32,
    Tensor,
    read_columns,
    read_rows,
    read_tensor,
    round_to,
    row_blocks,
)
from services.merger.writing.blas import add_product

Float64 = NDArray[np.float64]

ROUNDOFF = 2.0**-24  # fp32's unit roundoff


@dataclass(frozen=True)
class LowRank:
    """An update whose adapter file is open; `factors` is what DoRA multiplies the columns of a turned weight with."""

    adapter: int
    update: Update
    turned: bool
    factors: Float32 | None = None

    @cached_property
    def right(self) -> Float32:
        """The factor with a column for each column of the weight."""
        if self.turned:
            return np.ascontiguousarray(read_tensor(self.adapter, self.update.b).T)
        return read_tensor(self.adapter, self.update.a)

    @cached_property
    def magnitude(self) -> Float32 | None:
        """DoRA's magnitude of each output."""
        return read_tensor(self.adapter, self.update.magnitude) if self.update.magnitude else None

    def left(self, rows: slice) -> Float32:
        """Some rows of the factor with a row for each row of the weight."""
        if self.turned:
            return np.ascontiguousarray(read_columns(self.adapter, self.update.a, rows).T)
        return read_rows(self.adapter, self.update.b, rows).astype(np.float32, copy=False)

    def add_to(self, weights: Float32, rows: slice, room: Float32 | None = None) -> None:
        """Turn some rows of a weight, in fp32, into what they become; `room` is an array like them to compute in."""
        self.add_direction(weights, rows, room)
        if self.factors is not None:
            weights *= self.factors
        elif self.magnitude is not None:
            weights *= (self.magnitude[rows] / norms(weights))[:, None]

    def add_direction(self, weights: Float32, rows: slice, room: Float32 | None = None) -> None:
        """The same without magnitudes: all there is to plain LoRA."""
        scale, left = np.float32(self.update.scale), self.left(rows)
        if math.frexp(scale)[0] == 0.5:  # a power of two: scaling the smaller factor gives the same bits
            add_product(weights, left * scale, self.right)
        else:
            product = np.matmul(left, self.right, out=room)
            product *= scale
            weights += product

    def with_factors(self, file: int, tensor: Tensor) -> LowRank:
        """The same for a turned weight with magnitudes, whose columns have to be measured first."""
        squares = np.zeros(tensor.shape[1])
        for rows in row_blocks(tensor):
            weights = read_rows(file, tensor, rows).astype(np.float32)
            self.add_direction(weights, rows)
            squares += np.einsum("ij,ij->j", weights, weights, dtype=np.float64)
        lengths = np.sqrt(squares).astype(np.float32)
        return replace(self, factors=None if self.magnitude is None else self.magnitude / lengths)

    def bounds(self, weights: Float32, rows: slice, columns: slice, dtype: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """The smallest and largest stored values that fp32 arithmetic, in whatever order it adds up, may round to.

        Computed in fp64, apart from what `add_to` does. Two sums of r products differ by at most 2 (r + 2) u times
        the sum of their absolute values (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1).
        Whole rows of `weights` are given, for DoRA's norms; the bounds are those of some columns.
        """
        seen = slice(None) if self.update.magnitude and not self.turned else columns
        left, right = self.left(rows).astype(np.float64), self.right[:, seen].astype(np.float64)
        scale, rank = float(np.float32(self.update.scale)), right.shape[0]
        exact = weights[:, seen] + scale * (left @ right)
        slack = 2 * (rank + 2) * ROUNDOFF * (np.abs(weights[:, seen]) + abs(scale) * (np.abs(left) @ np.abs(right)))
        if self.factors is not None:
            exact, slack = scaled(exact, slack, self.factors[seen].astype(np.float64), 4 * ROUNDOFF)
        elif self.magnitude is not None:
            lengths = np.linalg.norm(exact, axis=1)
            error = (np.linalg.norm(slack, axis=1) / lengths).max() + 8 * ROUNDOFF
            factors = (self.magnitude[rows] / lengths)[:, None]
            exact, slack = (part[:, columns] for part in scaled(exact, slack, factors, error))
        low, high = ((exact + side * slack).astype(np.float32) for side in (-1, 1))
        return round_to(low, dtype), round_to(high, dtype)


def scaled(exact: Float64, slack: Float64, factors: Float64, error: float) -> tuple[Float64, Float64]:
    """Values and what they may be off by, multiplied with factors that have a relative error of their own."""
    values = factors * exact
    return values, np.abs(factors) * slack * (1 + error) + np.abs(values) * error


def norms(values: Float32) -> Float32:
    """The length of each row, summed up in fp64."""
    lengths: Float32 = np.sqrt(np.einsum("ij,ij->i", values, values, dtype=np.float64)).astype(np.float32)
    return lengths
