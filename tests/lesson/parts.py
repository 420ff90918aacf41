"""What the tests of a lesson's parts share: small questions, and a notebook's eye."""

import json

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

OTHERWISE = {"type": "default", "feedback": "Try again."}
CHOICE = {
    "id": "one",
    "type": "multiple_choice",
    "question": "What is $2^{10}$?",
    "answers": [
        {"answer": "1024", "correct": True, "feedback": "Yes."},
        {"answer": "20", "correct": False, "feedback": "You multiplied."},
    ],
}
NUMBER = {
    "id": "two",
    "type": "numeric",
    "question": "How many?",
    "answers": [{"value": 2, "correct": True, "feedback": "Yes."}, OTHERWISE],
}


def write(folder, **kinds):
    (folder / "bank.json").write_text(json.dumps(kinds), encoding="utf-8")
    return folder / "bank.json"


def outputs(thing):
    """What a notebook is given to show, output by output."""
    InteractiveShell.instance()
    with capture_output() as captured:
        thing._ipython_display_()
    return [output.data for output in captured.outputs]
