from pathlib import Path

import pytest

from scriptorium.errors import ModelMissing
from scriptorium.models.base_models import check_model, local_models, locate_model


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "config.json").write_text("{}")
    (tmp_path / "half").mkdir()
    return tmp_path


def test_a_folder_with_a_configuration_is_a_model(models: Path) -> None:
    assert local_models(models) == ["small"]
    check_model("small", models)
    assert locate_model("small", models) == models / "small"


def test_a_name_of_the_hub_is_let_through(models: Path) -> None:
    check_model("meta-llama/Llama-3.1-8B-Instruct", models)


@pytest.mark.parametrize("name", ["large", "half", "", "../small", "a/b/c", "a/../b", "/etc/passwd", "x" * 300, "-rf"])
def test_what_can_be_no_model_is_refused_at_once(name: str, models: Path) -> None:
    with pytest.raises(ModelMissing) as caught:
        check_model(name, models)
    assert caught.value.param == "model"
    assert caught.value.next_step
