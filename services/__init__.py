"""The services: one phase each, and the API in front."""
