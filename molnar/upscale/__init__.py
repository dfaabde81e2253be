"""Upscaling: a small picture in, the same picture four times as large out."""
