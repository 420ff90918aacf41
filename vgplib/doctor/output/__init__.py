"""A diagnosis as text, as a card, as data."""
