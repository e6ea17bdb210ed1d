"""Noto Sans, regular and bold, its Latin characters alone: figures look the same on a machine without fonts.

Here: font files and their licence (OFL.txt). Not here: who uses them (`marks.py`).
"""
