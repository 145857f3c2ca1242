"""Artifacts on the volume: what each phase reads and writes. Imports nothing: code inside Axolotl uses parts of it."""
