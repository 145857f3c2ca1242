"""A trainer without Axolotl and without a model."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from services.trainer import plan_run
from services.trainer.run import axolotl, rows
from tests.fake_axolotl import FakeAxolotl


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a tokenizer that counts words."""
    tokenizer = SimpleNamespace(
        end_of_turn="<|im_end|>",
        render=lambda messages: " ".join(message["content"] for message in messages),
        count=lambda texts: [len(text.split()) for text in texts],
    )
    monkeypatch.setattr(axolotl, "chat_tokenizer", lambda folder: tokenizer)
    monkeypatch.setattr(rows, "chat_tokenizer", lambda folder: tokenizer)
    monkeypatch.setattr(plan_run, "chat_tokenizer", lambda folder: tokenizer)


@pytest.fixture
def axolotl_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: None) -> FakeAxolotl:
    """Return an Axolotl whose starts a test decides about."""
    return FakeAxolotl(tmp_path / "environment", monkeypatch)


@pytest.fixture
def attempt(tmp_path: Path) -> Path:
    """Return the folder of an attempt."""
    folder = tmp_path / "train.1.tmp"
    folder.mkdir()
    return folder
