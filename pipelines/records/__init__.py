"""Draws, examples and runs as rows of the store: the only home of SQL over the tables that hold them."""
