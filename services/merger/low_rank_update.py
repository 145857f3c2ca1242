"""The arithmetic of one update: W + scale * (B @ A), and for DoRA each output scaled to its trained magnitude.

Everything is computed in fp32, a block of rows at a time and in the order in which PEFT does it. A weight may be stored
outputs x inputs (torch's linear layer) or transposed, inputs x outputs (lookup tables, fan_in_fan_out). Of the two
factors the right one is kept in memory; rows of the left one are read as needed, because it has as many as the weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scriptorium.models.tensor_files import Tensor
from services.merger.blas import add_product
from services.merger.inputs.adapter import Update
from services.merger.inputs.safetensors_file import Float32, read_columns, read_rows, read_tensor, round_to, row_blocks

Float64 = NDArray[np.float64]

ROUNDOFF = 2.0**-24  # fp32's unit roundoff


@dataclass(frozen=True)
class LowRank:
    """An update whose adapter file is open; `factors` are DoRA's, one for each column of a transposed weight."""

    adapter: int
    update: Update
    transposed: bool
    factors: Float32 | None = None

    @cached_property
    def right(self) -> Float32:
        """The factor with a column for each column of the weight."""
        if self.transposed:
            return np.ascontiguousarray(read_tensor(self.adapter, self.update.b).T)
        return read_tensor(self.adapter, self.update.a)

    @cached_property
    def magnitude(self) -> Float32 | None:
        """DoRA's magnitude of each output."""
        return read_tensor(self.adapter, self.update.magnitude) if self.update.magnitude else None

    def left(self, rows: slice) -> Float32:
        """Read some rows of the factor with a row for each row of the weight."""
        if self.transposed:
            return np.ascontiguousarray(read_columns(self.adapter, self.update.a, rows).T)
        return read_rows(self.adapter, self.update.b, rows).astype(np.float32, copy=False)

    def add_to(self, weights: Float32, rows: slice, buffer: Float32 | None = None) -> None:
        """Update some rows of a weight, in fp32 and in place; `buffer` is an array of the same shape to compute in."""
        self.add_direction(weights, rows, buffer)
        if self.factors is not None:
            weights *= self.factors
        elif self.magnitude is not None:
            weights *= (self.magnitude[rows] / row_norms(weights))[:, None]

    def add_direction(self, weights: Float32, rows: slice, buffer: Float32 | None = None) -> None:
        """Add scale * (B @ A) to some rows, without magnitudes: all there is to plain LoRA."""
        scale, left = np.float32(self.update.scale), self.left(rows)
        if math.frexp(scale)[0] == 0.5:  # a power of two: scaling the smaller factor gives the same bits
            add_product(weights, left * scale, self.right)
        else:
            product = np.matmul(left, self.right, out=buffer)
            product *= scale
            weights += product

    def with_factors(self, file: int, tensor: Tensor) -> LowRank:
        """Return the update of a transposed weight with magnitudes, after measuring the weight's columns."""
        squares = np.zeros(tensor.shape[1])
        for rows in row_blocks(tensor):
            weights = read_rows(file, tensor, rows).astype(np.float32)
            self.add_direction(weights, rows)
            squares += np.einsum("ij,ij->j", weights, weights, dtype=np.float64)
        lengths = np.sqrt(squares).astype(np.float32)
        return replace(self, factors=None if self.magnitude is None else self.magnitude / lengths)

    def bounds(self, weights: Float32, rows: slice, columns: slice, dtype: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the smallest and largest stored values that fp32 arithmetic may round to, in any order of summation.

        Computed in fp64, independently of `add_to`. Two sums of r products differ by at most 2 (r + 2) u times the sum
        of their absolute values (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1). `weights` are
        complete rows, for DoRA's norms; the bounds are those of some columns.
        """
        span = slice(None) if self.update.magnitude and not self.transposed else columns
        left, right = self.left(rows).astype(np.float64), self.right[:, span].astype(np.float64)
        scale, rank = float(np.float32(self.update.scale)), right.shape[0]
        exact = weights[:, span] + scale * (left @ right)
        slack = 2 * (rank + 2) * ROUNDOFF * (np.abs(weights[:, span]) + abs(scale) * (np.abs(left) @ np.abs(right)))
        if self.factors is not None:
            exact, slack = scale_bounds(exact, slack, self.factors[span].astype(np.float64), 4 * ROUNDOFF)
        elif self.magnitude is not None:
            lengths = np.linalg.norm(exact, axis=1)
            error = (np.linalg.norm(slack, axis=1) / lengths).max() + 8 * ROUNDOFF
            factors = (self.magnitude[rows] / lengths)[:, None]
            exact, slack = (values[:, columns] for values in scale_bounds(exact, slack, factors, error))
        low, high = ((exact + sign * slack).astype(np.float32) for sign in (-1, 1))
        return round_to(low, dtype), round_to(high, dtype)


def scale_bounds(exact: Float64, slack: Float64, factors: Float64, error: float) -> tuple[Float64, Float64]:
    """Multiply values and what they may be off by with factors that have a relative error of their own."""
    values = factors * exact
    return values, np.abs(factors) * slack * (1 + error) + np.abs(values) * error


def row_norms(values: Float32) -> Float32:
    """Return the length of each row, summed in fp64."""
    lengths: Float32 = np.sqrt(np.einsum("ij,ij->i", values, values, dtype=np.float64)).astype(np.float32)
    return lengths
