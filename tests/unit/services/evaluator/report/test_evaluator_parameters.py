import numpy as np
from safetensors.numpy import save_file

from services.evaluator.report.parameters import count_parameters


def test_counts_the_weights_of_all_files(tmp_path):
    save_file({"a": np.zeros((3, 4)), "b": np.zeros(5)}, tmp_path / "model-1.safetensors")
    save_file({"c": np.zeros((2, 2))}, tmp_path / "model-2.safetensors")
    assert count_parameters(tmp_path) == 21


def test_a_folder_without_weights(tmp_path):
    assert count_parameters(tmp_path) is None
