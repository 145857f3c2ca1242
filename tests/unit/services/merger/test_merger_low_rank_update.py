"""The arithmetic of updates against its plainest form in fp64, for weights stored either way, with and without DoRA."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from services.merger.inputs.adapter import Update
from services.merger.inputs.safetensors_file import opened, read_layout
from services.merger.low_rank_update import LowRank

OUTPUTS, INPUTS, RANK = 6, 5, 3


def plain(weight: np.ndarray, arrays: dict[str, np.ndarray], scale: float, *, turned: bool, dora: bool) -> np.ndarray:
    """W + scale * (B @ A), outputs x inputs, each row with its magnitude; turned back at the end."""
    straight = (weight.T if turned else weight).astype(np.float64)
    straight = straight + np.float32(scale) * (arrays["b"].astype(np.float64) @ arrays["a"].astype(np.float64))
    if dora:
        straight *= (arrays["magnitude"] / np.linalg.norm(straight, axis=1))[:, None]
    return straight.T if turned else straight


@pytest.mark.parametrize("dora", [False, True])
@pytest.mark.parametrize("turned", [False, True])
@given(case=st.tuples(st.sampled_from([0.5, 1.5, 2.0, 1 / 3]), st.integers(0, 1000), st.integers(1, 4)))
@settings(max_examples=15, deadline=None)
def test_any_rows_of_any_kind(
    tmp_path_factory: pytest.TempPathFactory, dora: bool, turned: bool, case: tuple[float, int, int]
) -> None:
    scale, seed, cut = case
    rng = np.random.default_rng(seed)
    shape = (INPUTS, OUTPUTS) if turned else (OUTPUTS, INPUTS)
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
    expected = plain(arrays["weight"], arrays, scale, turned=turned, dora=dora)
    with opened(path) as file:
        ready = LowRank(file, update, turned)
        if turned and dora:
            ready = ready.with_factors(file, tensors["weight"])
        for rows in (slice(0, cut), slice(cut, shape[0])):
            found = arrays["weight"][rows].copy()
            ready.add_to(found, rows)
            np.testing.assert_allclose(found, expected[rows], rtol=2e-5, atol=2e-6)
            low, high = ready.bounds(arrays["weight"][rows], rows, slice(None), "F32")
            assert ((low <= found) & (found <= high)).all()
            assert (high - low < 1e-4).all()
            some = slice(1, None, 2)
            assert (ready.bounds(arrays["weight"][rows], rows, some, "F32")[0] == low[:, some]).all()
