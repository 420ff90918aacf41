"""What stands on a page: bench, quiz, boxes, pictures, mathematics, and the book's extension."""
