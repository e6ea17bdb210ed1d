"""report claims: what somebody states, such as the paper, held against what a store says.

Here: nothing but this line. Not here: claims and their file (`claim.py`, the paper's: `claims.toml`), statistics
(`measures.py`), verdicts (`check.py`), how they are shown (`formats.py`).
"""
