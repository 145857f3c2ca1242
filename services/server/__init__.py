"""The server service: it keeps vLLM running for the wanted models."""
