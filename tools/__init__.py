"""The course's commands; see course.py."""
