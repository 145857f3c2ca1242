"""In vLLM's environment: read command lines (JSON, standard input) with vLLM's own parser; write the values."""

import json
import sys

try:  # since 0.33
    from vllm.entrypoints.common.cli_args import make_arg_parser, validate_parsed_serve_args
except ImportError:
    from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.utils.argparse_utils import FlexibleArgumentParser

FIELDS = (
    "model", "served_model_name", "host", "port", "max_model_len", "enable_lora", "max_lora_rank",
    "gpu_memory_utilization", "enforce_eager", "trust_remote_code", "seed", "enable_prefix_caching",
)  # fmt: skip


def main() -> None:
    """Parse and validate each line as the server does at its start; an unknown argument ends the process."""
    parser = make_arg_parser(FlexibleArgumentParser())
    results = []
    for line in json.load(sys.stdin):
        arguments = parser.parse_args(line)
        validate_parsed_serve_args(arguments)
        result = {name: getattr(arguments, name) for name in FIELDS}
        result["lora_modules"] = {module.name: module.path for module in arguments.lora_modules or ()}
        results.append(result)
    sys.stdout.write(f"\n{json.dumps(results)}\n")


if __name__ == "__main__":
    main()
