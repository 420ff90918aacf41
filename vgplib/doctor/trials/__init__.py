"""Trying remedies on copies, and what became of them."""
