"""A room's votes over a local network: ``python -m vgplib.lesson.room``.

One laptop serves two pages: the instructor's screen, which opens a question and shows what the room
says, and a page for each phone. Guesses have no names, and are gone when the server stops.
"""
