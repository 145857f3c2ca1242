"""How much of an author's voice came through: pure functions on text, without a model or an engine (docs/voice.md)."""
