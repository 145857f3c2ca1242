"""Commands for finished models: serve one by hand, compare two that are served, export one."""
