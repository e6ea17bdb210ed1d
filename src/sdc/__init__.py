"""sdc: turn a large language model into a small, cheap text classifier."""

__version__ = "0.1.0"
