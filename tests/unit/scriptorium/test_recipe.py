from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.errors import InvalidRecipe
from scriptorium.recipe import find_recipe, load_recipe, parse_recipe
from scriptorium.recipe_overrides import parse_assignments

SHIPPED = ["cpu", "lora", "lora-fsdp", "qlora", "qlora-16gb"]


def test_every_shipped_recipe_loads_and_is_named_after_its_file(project: Path) -> None:
    paths = list((project / "recipes").glob("*.yaml"))
    assert sorted(path.stem for path in paths) == SHIPPED
    assert sorted(load_recipe(path).name for path in paths) == SHIPPED


def test_qlora_has_the_seed_workflows_values(project: Path) -> None:
    training = find_recipe("qlora", project / "recipes").training
    seed = {
        "adapter": "qlora",
        "lora_r": 64,
        "lora_alpha": 32,
        "lora_dropout": 0.05,
        "num_epochs": 3,
        "micro_batch_size": 1,
        "gradient_accumulation_steps": 8,
        "learning_rate": 2e-4,
        "sequence_len": 4096,
        "precision": "bf16",
        "gradient_checkpointing": True,
    }
    assert {key: getattr(training, key) for key in seed} == seed


def test_every_problem_is_reported_at_once() -> None:
    body = {"name": "mine", "training": {"lora_rank": 8, "learning_rate": -1}, "data": {"prompt": "poem"}}
    with pytest.raises(InvalidRecipe) as caught:
        parse_recipe(body, "mine.yaml")
    fields = {problem.place for problem in caught.value.problems}
    assert fields == {"training.lora_rank", "training.learning_rate", "data.prompt"}


def test_a_chunk_range_must_not_be_upside_down() -> None:
    with pytest.raises(InvalidRecipe, match="below minimum"):
        parse_recipe({"name": "x", "data": {"chunking": {"minimum": 500, "maximum": 100}}}, "x")


def test_prompts_are_mixed_and_mostly_briefs_by_default(project: Path) -> None:
    data = parse_recipe({"name": "x"}, "x").data
    assert data.prompt == "mixed"
    assert data.mix == {"brief": 0.6, "context": 0.15, "continue": 0.1, "rewrite": 0.15}
    shipped = {name: find_recipe(name, project / "recipes").data for name in SHIPPED}
    prompts = {name: section.prompt for name, section in shipped.items()}
    assert prompts == {**dict.fromkeys(SHIPPED, "mixed"), "cpu": "brief"}
    assert all(section.mix == data.mix for section in shipped.values())


@pytest.mark.parametrize("mix", [{}, {"brief": 0}, {"brief": -1}, {"poem": 1}, {"brief": float("inf")}, {"brief": "x"}])
def test_weights_without_a_sum_are_refused(mix: object) -> None:
    with pytest.raises(InvalidRecipe, match="problem"):
        parse_recipe({"name": "x", "data": {"prompt": "mixed", "mix": mix}}, "x")


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"recovery": 0.5, "sample_packing": True}, "recovery cannot be combined with sample_packing"),
        ({"recovery": 0.5, "keep": 0}, "recovery cannot be combined with keep 0"),
        ({"recovery": 0.5, "method": "dpo"}, "recovery cannot be combined with method dpo"),
        ({"recovery": 0.5, "fsdp": True}, "recovery cannot be combined with fsdp"),
        ({"fsdp": True, "sample_packing": True}, "would not be trained"),
        ({"fsdp": True, "optimizer": "adamw_8bit"}, "adamw_torch_fused"),
        ({"use_eaft": True, "cut_cross_entropy": True}, "needs the logits"),
        ({"use_eaft": True, "fsdp": True}, "use_eaft and fsdp"),
        ({"use_eaft": True, "method": "dpo"}, "its own loss"),
        ({"method": "dpo", "sample_packing": True}, "cannot be combined"),
        ({"cut_cross_entropy": True, "precision": "fp32"}, "bf16"),
        ({"kl_weight": 0.1, "fsdp": True}, "kl_weight cannot be combined with fsdp"),
        ({"kl_weight": 0.1, "cut_cross_entropy": True}, "kl_weight cannot be combined with cut_cross_entropy"),
        ({"kl_weight": 0.1, "method": "dpo"}, "its own loss"),
    ],
)
def test_options_that_do_not_go_together_are_refused(training: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidRecipe, match=message) as caught:
        parse_recipe({"name": "x", "training": training}, "x")
    assert [problem.place for problem in caught.value.problems] == ["training"]


@pytest.mark.parametrize("name", ["../secrets", "/etc/passwd", "qlora.yaml", ""])
def test_a_recipes_name_is_never_a_path(name: str, project: Path) -> None:
    with pytest.raises(InvalidRecipe, match="no recipe"):
        find_recipe(name, project / "recipes")


def test_a_file_that_is_not_yaml_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("name: [")
    with pytest.raises(InvalidRecipe, match=r"broken\.yaml"):
        load_recipe(path)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_whatever_comes_in_is_a_recipe_or_a_clear_error(body: object) -> None:
    try:
        parse_recipe(body, "some.yaml")
    except InvalidRecipe as error:
        assert error.problems


def test_leaving_the_checkpoint_to_a_decision_asks_by_default() -> None:
    assert parse_recipe({"name": "own", "select": "decision"}, "own").decisions.checkpoint == "ask"
    explicit = {"name": "own", "select": "decision", "decisions": {"checkpoint": "auto"}}
    assert parse_recipe(explicit, "own").decisions.checkpoint == "auto"
    assert parse_recipe({"name": "own", "select": "voice"}, "own").decisions.checkpoint == "auto"
    with pytest.raises(InvalidRecipe) as error:
        parse_recipe({"name": "own", "select": "luck", "evaluation": {"alike": "twain"}}, "own")
    assert {problem.place for problem in error.value.problems} == {"select", "evaluation.alike"}


ODD_YAML = ["2001-99-99", "!!int ''", "!!bool maybe", "!!timestamp x", "!!float ''", "[" * 5000, "9" * 5000]


@pytest.mark.parametrize("value", ODD_YAML, ids=lambda value: value[:14])
def test_a_value_that_yaml_cannot_make_is_a_clear_error(tmp_path: Path, value: str) -> None:
    """PyYAML raises errors of five kinds that are none of its own."""
    path = tmp_path / "r.yaml"
    path.write_text(f"name: r\ndescription: {value}\n")
    with pytest.raises(InvalidRecipe):
        load_recipe(path)
    with pytest.raises(InvalidRecipe):
        parse_assignments([f"training.num_epochs={value}"])
