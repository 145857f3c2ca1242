"""The arithmetic of updates against its plainest form in fp64, for weights stored either way, with and without DoRA."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from scriptorium.models.tensor_files import read_layout
from services.merger.inputs.adapter import Update
from services.merger.inputs.safetensors_file import open_descriptor
from services.merger.low_rank_update import LowRank

OUTPUTS, INPUTS, RANK = 6, 5, 3


def plain_update(
    weight: np.ndarray, arrays: dict[str, np.ndarray], scale: float, *, transposed: bool, dora: bool
) -> np.ndarray:
    """Compute W + scale * (B @ A), outputs x inputs, each row with its magnitude; transposed back at the end."""
    updated = (weight.T if transposed else weight).astype(np.float64)
    updated = updated + np.float32(scale) * (arrays["b"].astype(np.float64) @ arrays["a"].astype(np.float64))
    if dora:
        updated *= (arrays["magnitude"] / np.linalg.norm(updated, axis=1))[:, None]
    return updated.T if transposed else updated


@pytest.mark.parametrize("dora", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
@given(case=st.tuples(st.sampled_from([0.5, 1.5, 2.0, 1 / 3]), st.integers(0, 1000), st.integers(1, 4)))
@settings(max_examples=15)
def test_any_rows_of_any_kind(
    tmp_path_factory: pytest.TempPathFactory, dora: bool, transposed: bool, case: tuple[float, int, int]
) -> None:
    scale, seed, cut = case
    rng = np.random.default_rng(seed)
    shape = (INPUTS, OUTPUTS) if transposed else (OUTPUTS, INPUTS)
    arrays = {
        "a": rng.normal(size=(RANK, INPUTS)).astype(np.float32),
        "b": rng.normal(size=(OUTPUTS, RANK)).astype(np.float32),
        "magnitude": rng.uniform(0.5, 2, size=OUTPUTS).astype(np.float32),
        "weight": rng.normal(size=shape).astype(np.float32),
    }
    path: Path = tmp_path_factory.mktemp("lowrank") / "x.safetensors"
    save_file(arrays, path)
    tensors = read_layout(path).tensors
    update = Update(tensors["a"], tensors["b"], scale, tensors["magnitude"] if dora else None)
    expected = plain_update(arrays["weight"], arrays, scale, transposed=transposed, dora=dora)
    with open_descriptor(path) as file:
        low_rank = LowRank(file, update, transposed)
        if transposed and dora:
            low_rank = low_rank.with_factors(file, tensors["weight"])
        for rows in (slice(0, cut), slice(cut, shape[0])):
            weights = arrays["weight"][rows].copy()
            low_rank.add_to(weights, rows)
            np.testing.assert_allclose(weights, expected[rows], rtol=2e-5, atol=2e-6)
            low, high = low_rank.bounds(arrays["weight"][rows], rows, slice(None), "F32")
            assert ((low <= weights) & (weights <= high)).all()
            assert (high - low < 1e-4).all()
            odd_columns = slice(1, None, 2)
            bounds = low_rank.bounds(arrays["weight"][rows], rows, odd_columns, "F32")
            assert (bounds[0] == low[:, odd_columns]).all()
