"""The chooser: five questions about a model, and what to try, as far as this course measured it."""
