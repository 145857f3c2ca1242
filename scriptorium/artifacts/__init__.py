"""Artifacts on the volume, which phases read and write. Imports nothing: the plugin inside Axolotl uses parts of it."""
