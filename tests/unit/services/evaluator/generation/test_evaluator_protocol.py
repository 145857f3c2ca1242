import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scriptorium.artifacts.dataset import IMPOSTORS, write_lines
from scriptorium.artifacts.report import read_samples
from scriptorium.contracts.report.document import SAMPLES
from scriptorium.models.token_budget import choose_budget
from scriptorium.scenes.bank import read_bank
from services.evaluator.generation.plan import (
    Temperatures,
    list_temperatures,
    plan_passages,
    with_base_temperature,
)
from services.evaluator.generation.prompted_baseline import build_messages, choose_excerpts, cut_excerpt
from services.evaluator.generation.protocol import make_scene_row
from services.evaluator.impostors import count_unseen, read_impostors


def test_the_budget_follows_the_author_and_never_leaves_the_context(row, tokenizer):
    short, long = row("It rained all night " * 50), row("It rained all night " * 500)
    assert choose_budget([short, short, long], tokenizer, 1000, None) == 230  # the median's 200 words and a little more
    assert choose_budget([long], tokenizer, 1000, None) == 575  # 500 words are enough
    assert choose_budget([long], tokenizer, 300, None) == 300
    assert choose_budget([long], tokenizer, 1000, 200) == 200 - 6  # the brief is six tokens with its frame


def test_excerpts_fit_or_there_are_none(row, tokenizer):
    rows = [row("It rained all night. " * 100)] * 9
    excerpts = choose_excerpts(rows, 2000, tokenizer)
    assert [len(excerpt.split()) for excerpt in excerpts] == [200, 200, 200]
    assert sum(tokenizer.count(choose_excerpts(rows, 240, tokenizer))) <= 200
    assert choose_excerpts(rows, 120, tokenizer) == []
    assert choose_excerpts([], 2000, tokenizer) == []


def test_an_excerpt_ends_with_a_sentence():
    assert cut_excerpt("One two. Three four five. Six seven", 6) == "One two. Three four five."
    assert cut_excerpt("One two three", 2) == "One two"


def test_only_the_prompted_baseline_sees_the_author(row):
    plan = plan_passages([row() for _ in range(9)], [row(brief="Write")], ["It rained all night."], 4, 42)
    by_role = {role: [passage for passage in plan if passage.role == role] for role in ("base", "tuned", "prompted")}
    tests = [passage for passage in by_role["base"] if passage.split == "test"]
    assert [passage.messages for passage in tests] == [passage.messages for passage in by_role["tuned"]]
    assert [passage.seed for passage in tests] == [passage.seed for passage in by_role["prompted"]]
    assert [len(plan) for plan in by_role.values()] == [8, 4, 4]
    shown = {passage.role for passage in plan if "rained" in passage.messages[-1]["content"]}
    assert shown == {"prompted"}


@pytest.mark.parametrize(("base", "expected"), [(1.0, (1.0,)), (1.01, (1.0,)), (0.9, (1.0, 0.9))])
def test_a_base_with_a_temperature_of_its_own_is_tried_at_both(base, expected):
    assert list_temperatures(0.8, base) == Temperatures(0.8, expected)


def test_the_base_answers_the_same_dev_briefs_at_both_temperatures_and_no_test_brief_is_written_twice(row):
    dev = [row(brief=f"Write {number}") for number in range(3)]
    plan = plan_passages([row()] * 9, dev, ["It rained."], 9, 42, temperatures=Temperatures(0.8, (1.0, 0.9)))
    assert len({passage.key for passage in plan}) == len(plan) == 3 * 9 + 10
    calibration = [passage for passage in plan if passage.split == "dev"]
    briefs = {
        heat: [passage.row.brief for passage in calibration if passage.temperature == heat] for heat in (1.0, 0.9)
    }
    assert briefs[1.0] == briefs[0.9] == ["Write 0", "Write 1", "Write 2", "Write 0", "Write 1"]
    changed = with_base_temperature(plan, 0.9)
    by_role = {(passage.role, passage.split, passage.temperature) for passage in changed}
    assert by_role == {
        ("base", "test", 0.9),
        ("base", "dev", 1.0),
        ("base", "dev", 0.9),
        ("prompted", "test", 0.9),
        ("tuned", "test", 0.8),
    }


def test_new_scenes_are_written_by_base_and_tuned_at_their_temperatures(row):
    dev, scenes = [row(brief="Write")] * 2, [row("", brief=f"Scene {number}") for number in range(3)]
    temperatures = Temperatures(0.8, (1.0, 0.9))
    plan = plan_passages([row()] * 4, dev, ["It rained."], 4, 42, temperatures=temperatures, scenes=scenes)
    changed = [passage for passage in with_base_temperature(plan, 0.9) if passage.split == "scene"]
    assert [(passage.role, passage.index, passage.temperature) for passage in changed] == [
        *(("base", number, 0.9) for number in range(3)),
        *(("tuned", number, 0.8) for number in range(3)),
    ]
    assert [passage.messages for passage in changed[:3]] == [passage.messages for passage in changed[3:]]
    assert [passage.seed for passage in changed[:3]] == [passage.seed for passage in changed[3:]]
    roles = [passage.role for passage in plan]
    assert roles.index("tuned") == len(roles) - roles.count("tuned")  # one engine after the other
    assert len({passage.key for passage in plan}) == len(plan)


def test_a_scene_has_the_system_message_of_the_held_out_rows(row):
    example = row().model_copy(update={"messages": [{"role": "system", "content": "Be Jane."}, *row().messages]})
    scene = read_bank("en").scenes[0]
    assert make_scene_row(scene, row()).messages[:-1] == [{"role": "user", "content": scene.brief}]
    assert make_scene_row(scene, example).messages[0] == {"role": "system", "content": "Be Jane."}
    assert make_scene_row(scene, example).brief == scene.brief


def test_the_same_order_of_test_briefs_whatever_else_is_there(row):
    rows = [row(brief=f"Write {number}") for number in range(20)]
    few, many = plan_passages(rows, [], [], 5, None), plan_passages(rows, rows, ["It"], 5, None)
    expected = [passage.messages for passage in few if passage.role == "base"]
    assert [passage.messages for passage in many if (passage.role, passage.split) == ("base", "test")] == expected
    assert [passage.messages[0]["content"] for passage in few[:5]] == [f"Write {number}" for number in range(0, 20, 4)]


def test_imitation_keeps_earlier_turns(row):
    example = row().model_copy(update={"messages": [{"role": "system", "content": "Be brief."}, *row().messages]})
    system, user = build_messages(example, ["It rained."])
    assert system["content"] == "Be brief."
    assert user["content"].endswith(example.brief)


@settings(max_examples=30)  # it writes files
@given(st.sets(st.text(min_size=1), max_size=12), st.integers(0, 1000))
def test_half_the_impostors_are_unseen_and_a_seed_divides_alike(tmp_path_factory, names, seed):
    folder = tmp_path_factory.mktemp("dataset")
    for order in (sorted(names), sorted(names, reverse=True)):
        write_lines(folder / IMPOSTORS, ({"author": name, "works": []} for name in order))
        impostors = read_impostors(folder, seed)
        assert count_unseen(impostors) == len(names) - len(names) // 2
        if order == sorted(names):
            first = impostors
    assert impostors == first


def test_samples_of_a_file_that_is_not_there_or_torn(tmp_path):
    assert read_samples(tmp_path / SAMPLES) == []
    (tmp_path / SAMPLES).write_bytes(b'{"role": "ba\xff')
    assert read_samples(tmp_path / SAMPLES) == []


def test_an_excerpt_of_a_book_without_spaces_is_short_and_ends_with_a_sentence() -> None:
    sentence = "塔立在岩石上，夜里经过的船都能看见它的灯。"
    assert cut_excerpt(sentence * 100, 40) == sentence * 3
    assert cut_excerpt("The lamp was lit. She came in, and he", 7) == "The lamp was lit."
