"""Our GGUF files in llama.cpp: a bare file answers in its template and stops; fp16 answers as transformers does."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import gguf
import pytest
from in_axolotl import AXOLOTL_MARKS, run_in_axolotl

from scriptorium.errors import MergeFailed
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.recipe import Export
from scriptorium.settings import get_settings
from services.merger.exporting.export import export_model
from services.merger.exporting.quantise import PACKAGE, quantise

FOLDER = Path(__file__).parent
LLAMA_ENV = get_settings().llama_env  # tests run without the settings of this machine
BASE = FOLDER.parents[1] / "build/demo/models/SmolLM2-135M-Instruct"
FORMATS: tuple[Export, ...] = ("gguf-f16", "gguf-q8_0", "gguf-q4_k_m")
QUESTION, MAX_TOKENS = "Say hello.", 120

pytestmark = [
    *AXOLOTL_MARKS,
    pytest.mark.skipif(not any(LLAMA_ENV.glob(PACKAGE)), reason="llama.cpp's environment is missing"),
    pytest.mark.usefixtures("demo_base"),
]


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the demo's base model in each format."""
    folder = tmp_path_factory.mktemp("exports")
    for export in FORMATS:
        export_model(BASE, export, folder / f"{export}.gguf", SilentReporter())
    return folder


@pytest.fixture(scope="module")
def answers(exports: Path) -> dict[str, dict[str, int | str]]:
    """Ask each file in llama.cpp, which knows nothing but the file."""
    files = [str(exports / f"{export}.gguf") for export in FORMATS]
    command = [str(LLAMA_ENV / "bin" / "python"), str(FOLDER / "llama_cpp_chat.py")]
    process = subprocess.run(
        [*command, QUESTION, str(MAX_TOKENS), *files], capture_output=True, text=True, timeout=600, check=False
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return dict(zip(FORMATS, map(json.loads, process.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("export", FORMATS)
def test_an_answer_of_a_bare_file_ends_by_itself(export: Export, answers: dict[str, dict[str, int | str]]) -> None:
    answer = answers[export]
    assert 0 < int(answer["tokens"]) < MAX_TOKENS
    assert "<|im_" not in str(answer["text"])


def test_fp16_answers_as_the_model_does_in_transformers(
    answers: dict[str, dict[str, int | str]], tmp_path: Path
) -> None:
    run_in_axolotl("greedy_reference.py", BASE, QUESTION, MAX_TOKENS, tmp_path / "answer")
    assert answers["gguf-f16"]["text"] == (tmp_path / "answer").read_text()


def test_q4_k_m_has_the_types_of_llama_cpps_recipe_and_nothing_is_left_beside_it(exports: Path) -> None:
    reader = gguf.GGUFReader(exports / "gguf-q4_k_m.gguf")
    assert reader.fields["general.file_type"].contents() == gguf.LlamaFileType.MOSTLY_Q4_K_M
    types = {tensor.name: tensor.tensor_type for tensor in reader.tensors}
    assert types["blk.1.ffn_down.weight"] in (gguf.GGMLQuantizationType.Q4_K, gguf.GGMLQuantizationType.Q6_K)
    assert types["blk.0.attn_norm.weight"] is gguf.GGMLQuantizationType.F32
    sizes = {export: (exports / f"{export}.gguf").stat().st_size for export in FORMATS}
    assert sizes["gguf-q4_k_m"] < sizes["gguf-q8_0"] < sizes["gguf-f16"]
    expected = {f"{export}{suffix}" for export in FORMATS for suffix in (".gguf", ".Modelfile")}
    assert {path.name for path in exports.iterdir()} == expected


def test_what_llama_cpp_cannot_read_is_an_error_with_its_reason_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTORIUM_LLAMA_ENV", str(LLAMA_ENV))
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(MergeFailed, match="could not quantise the model"):
        quantise(tmp_path / "broken.gguf", tmp_path / "out.gguf", gguf.LlamaFileType.MOSTLY_Q4_K_M, SilentReporter())
    assert [path.name for path in tmp_path.iterdir()] == ["broken.gguf"]
