"""The formats of manuscripts: one module reads each."""
