from pathlib import Path

from scriptorium.artifacts.checkpoint_samples import (
    FOLDER,
    ORDER,
    TEXTS,
    CheckpointSample,
    SampleBrief,
    SampleOrder,
    append_samples,
    lacks_samples,
    read_order,
    read_samples,
    write_order,
)

ODD = "“Quoted”\u2028and broken \x85 lines\n\n\x07 \U0001f4d6"
SAMPLES = tuple(CheckpointSample(step, brief, f"{step} {ODD}", step > 0) for step in (0, 3) for brief in (0, 1))


def test_a_text_comes_back_as_it_was_written(tmp_path: Path) -> None:
    append_samples(tmp_path, SAMPLES)
    assert tuple(read_samples(tmp_path)) == SAMPLES


def test_a_torn_line_is_left_out_and_of_two_passages_the_later_one_counts(tmp_path: Path) -> None:
    append_samples(tmp_path, SAMPLES)
    append_samples(tmp_path, [CheckpointSample(3, 1, "again", True)])
    with (tmp_path / FOLDER / TEXTS).open("a") as file:
        file.write('{"step": 6, "bri')
    assert [(sample.step, sample.brief) for sample in read_samples(tmp_path)] == [(0, 0), (0, 1), (3, 0), (3, 1)]
    assert read_samples(tmp_path)[-1].text == "again"


def test_an_order_comes_back_and_half_an_order_is_none(tmp_path: Path) -> None:
    assert read_order(tmp_path) is None
    order = SampleOrder([SampleBrief("Write.", ODD, [1, 2])], 120, 42)
    write_order(tmp_path, order)
    assert read_order(tmp_path) == order
    path = tmp_path / FOLDER / ORDER
    path.write_text(path.read_text()[:20])
    assert read_order(tmp_path) is None


def test_a_step_lacks_samples_until_each_brief_has_one() -> None:
    order = SampleOrder([SampleBrief("One.", "A", [1]), SampleBrief("Two.", "B", [2])], 120, 42)
    assert lacks_samples(order, SAMPLES[:3], 3)
    assert not lacks_samples(order, SAMPLES, 3)
