"""Measuring what the rules need, on copies."""
