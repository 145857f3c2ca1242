"""The cases: one rule of the wire each. They import the client and the standard library, and nothing of ours."""
