"""The check's random model, as transformers in Axolotl's environment reads it."""

import json
import math
from math import prod
from pathlib import Path

from in_axolotl import AXOLOTL_MARKS, run_in_axolotl

from scriptorium.gpu_check.random_model import write_model
from scriptorium.gpu_check.shape import SHAPES

pytestmark = AXOLOTL_MARKS


def test_transformers_loads_every_tensor_and_the_loss_is_that_of_a_guess(tmp_path: Path) -> None:
    shape = SHAPES["tiny"]
    write_model(tmp_path / "model", shape)
    run_in_axolotl("load_random_model.py", tmp_path / "model", tmp_path / "out.json")
    body = json.loads((tmp_path / "out.json").read_text())
    assert (body["missing"], body["unexpected"], body["dtype"]) == ([], [], "torch.bfloat16")
    assert body["parameters"] == sum(prod(tensor) for tensor in shape.tensors.values())
    assert body["vocabulary"] == shape.vocabulary
    assert math.isclose(body["loss"], math.log(shape.vocabulary), rel_tol=0.1)
    assert body["finite"]
