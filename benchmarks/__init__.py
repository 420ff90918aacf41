"""Measurements of the course's speed and weight; ``python -m benchmarks`` runs them all."""
