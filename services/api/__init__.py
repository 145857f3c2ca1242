"""The front: an OpenAI-compatible HTTP API."""
