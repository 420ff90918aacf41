"""What stands on a page: bench, quiz, exercises, figures, mathematics, and the book's extension."""
