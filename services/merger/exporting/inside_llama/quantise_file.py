"""Quantise a GGUF file: `python quantise_file.py SOURCE TARGET FILE_TYPE`; llama.cpp's log is on standard error."""

import sys

from cyllama.llama.llama_cpp import LlamaModelQuantizeParams, model_quantize


def main(source: str, target: str, file_type: int) -> None:
    """Write `target`, a copy of `source` in one of llama.cpp's file types (llama_ftype)."""
    parameters = LlamaModelQuantizeParams()
    parameters.ftype = file_type
    model_quantize(source, target, parameters)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
