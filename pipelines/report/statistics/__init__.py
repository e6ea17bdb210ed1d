"""The statistics of a report: pure functions over arrays.

Here: nothing but this line; a file per subject. Not here: where the arrays come from, and how figures are drawn.

Every file needs numpy as soon as it is imported: import them where something is computed, never at start-up.
"""
