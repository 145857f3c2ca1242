"""The base is measured where it is nearest to the author, by what it wrote from dev briefs."""

from pathlib import Path

import pytest

from scriptorium.artifacts.dataset import IMPOSTORS, OtherAuthor, Row, write_rows
from scriptorium.contracts.report.document import Decoding, Sample
from services.evaluator.calibration.base_temperature import choose_base_temperature
from tests.made_up_authors import write_passages
from tests.report_example import make_sample

AUTHOR, BASE, BRIEFS = 1, 2, 10


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    rows = [
        Row(
            messages=[{"role": "user", "content": "Write."}, {"role": "assistant", "content": text}],
            chapter="1",
            author="A",
        )
        for text in write_passages(AUTHOR, 1, 40)
    ]
    write_rows(tmp_path / "train.jsonl", rows)
    others = [OtherAuthor(author=f"Other {n}", works=write_passages(10 + n, 1, 12)) for n in range(4)]
    (tmp_path / IMPOSTORS).write_text("".join(f"{other.model_dump_json()}\n" for other in others))
    return tmp_path


def make_samples(neutral: list[str], own: list[str]) -> list[Sample]:
    genuine = write_passages(AUTHOR, 2, BRIEFS)
    return [
        make_sample(
            split="dev",
            index=index + BRIEFS * (temperature != 1),
            text=text,
            genuine=genuine[index],
            decoding=Decoding(max_tokens=320, temperature=temperature),
        )
        for temperature, texts in ((1.0, neutral), (0.85, own))
        for index, text in enumerate(texts)
    ]


def test_the_temperature_that_is_nearer_to_the_author_is_chosen(dataset: Path) -> None:
    far, author = write_passages(BASE, 3, BRIEFS), write_passages(AUTHOR, 4, BRIEFS)
    near = [author[n] if n % 3 == 0 else far[n] for n in range(BRIEFS)]
    assert choose_base_temperature(make_samples(far, near), dataset, 42) == 0.85
    assert choose_base_temperature(make_samples(near, far), dataset, 42) == 1.0


def test_what_cannot_be_measured_stays_at_one(dataset: Path) -> None:
    few = ["It rained."] * BRIEFS
    assert choose_base_temperature(make_samples(few, few), dataset, 42) == 1.0
