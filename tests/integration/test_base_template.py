"""The chat template of the demo's base model is rendered as transformers renders it."""

from scriptorium.local.demo_assets import BASE, demo_assets
from tests.template_reference import compare


def test_the_base_model_of_the_demo_is_read_as_transformers_reads_it() -> None:
    compare(demo_assets().models / BASE)
