"""Engines that need no weights: they work on a fresh machine (OpenCV and NumPy)."""
