"""How much of an author's voice came through: pure functions on text, no model and no engine.

`measure_voice(Material, seed, report) -> Voice` in `voice.py` is the way in; docs/voice.md tells how it is measured.
"""
