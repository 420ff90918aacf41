"""The book's pages, as the tests see them: known before the book is built."""

from tools import toc

LESSONS = [f"{name}.html" for name in toc.pages()]
EVERY = [*LESSONS, "search.html"]
