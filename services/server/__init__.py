"""Serving: keeps vLLM answering for the wanted models."""
