"""The language every room of Scriptorium speaks: contracts, errors, settings, store, queue, volume.

Nothing in here imports a service; only `scriptorium.cli`, the outermost layer, may.
"""

__version__ = "0.1.0"
