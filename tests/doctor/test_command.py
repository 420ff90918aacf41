"""The doctor from a shell: exit statuses, what goes where, and words for every misuse."""

import json
import subprocess
import sys

import pytest

from vgplib.doctor.__main__ import main

FILE = """
import torch
from torch import nn

SIZE = 32
print("printed while loading")

def sick():
    print("printed by the factory")
    return made(nn.Sigmoid)

def healthy():
    model, loss = made(nn.ReLU, depth=1)
    return model, loss, torch.optim.SGD(model.parameters(), lr=0.1)

def made(activation, depth=20):
    torch.manual_seed(0)
    layers = [m for _ in range(depth) for m in (nn.Linear(SIZE, SIZE), activation())]
    model = nn.Sequential(*layers, nn.Linear(SIZE, 1))
    x, y = torch.randn(64, SIZE), torch.randn(64, 1)
    return model, lambda model: nn.functional.mse_loss(model(x), y)

def broken():
    return {}["no such key"]

def broken_below():
    import json
    return json.loads("{")

def stops():
    raise SystemExit("bye")

def alone():
    return nn.Linear(1, 1)

def swapped():
    model, loss = made(nn.ReLU)
    return loss, model

def a_number():
    model, loss = made(nn.ReLU)
    return model, loss(model)

def no_optimizer():
    return *made(nn.ReLU), "SGD"

def loss_raises():
    def loss(model):
        raise KeyError("in the loss")
    return nn.Linear(1, 1), loss

def no_rate():
    model, loss = made(nn.ReLU, depth=1)
    return model, loss, torch.optim.SGD(model.parameters(), lr=float("nan"))

def no_layer():
    x = torch.randn(4, 4)
    return nn.Tanh(), lambda model: model(x).square().mean()

def refused():
    return nn.Linear(1, 1), lambda model: model(torch.ones(1, 1)).item()
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command in this process: its exit status, stdout and stderr."""
    (tmp_path / "nets.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*arguments):
        status = main(list(arguments))
        return status, *capsys.readouterr()

    return run


def test_a_shell_gets_a_status_the_result_on_stdout_and_the_rest_on_stderr(tmp_path):
    (tmp_path / "nets.py").write_text(FILE)
    command = [sys.executable, "-m", "vgplib.doctor", "nets.py:sick", "--html", "sick.html"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("Sick: vanishing")
    told = ["Loading", "printed while loading", "Calling sick()", "printed by the factory"]
    places = [done.stderr.index(words) for words in [*told, "Examining", "Wrote sick.html"]]
    assert places == sorted(places)
    assert "printed" not in done.stdout
    assert "Sick: vanishing" in (tmp_path / "sick.html").read_text()


def test_a_healthy_model_has_status_0(run):
    status, out, _ = run("nets.py:healthy")
    assert status == 0
    assert out.startswith("Healthy")


def test_json_on_stdout_is_json_alone(run):
    status, out, _ = run("nets.py:sick", "--json")
    assert status == 1
    told = json.loads(out)
    assert "vanishing" in told["conditions"]
    assert len(told["measured"]["layer"]) == 21


def test_the_number_of_steps_is_passed_on(run):
    few, many = (
        len(json.loads(run("nets.py:healthy", "--json", "--steps", steps)[1])["losses"])
        for steps in ("1", "4")
    )
    assert few < many


def test_the_help_has_an_example_that_works(run, capsys, tmp_path):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    example = text.partition("nets.py holds")[2].partition("and is examined with")[0]
    lines = [line.removeprefix("  ") for line in example.splitlines()]
    (tmp_path / "example.py").write_text("\n".join(["import torch", *lines]))
    status, _, _ = run("example.py:small")
    assert status in (0, 1)


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("nets.py", "FILE.py:FACTORY, not 'nets.py'"),
        ("nets.py:", "FILE.py:FACTORY"),
        ("net.py:sick", "there is no file net.py; in {here} there is: nets.py."),
        ("nowhere/net.py:sick", "there is no Python file"),
        ("nets.py:sik", "Did you mean 'sick'? Allowed: 'sick', 'healthy', 'made',"),
        ("nets.py:SIZE", "SIZE is no function but of type int"),
        ("nets.py:made", "made(activation, depth=20) must be callable without arguments"),
        ("nets.py:stops", "sys.exit('bye')"),
        ("nets.py:alone", "must return (model, loss) or (model, loss, optimizer), not a Linear."),
        ("nets.py:swapped", "its model is a function, no torch.nn.Module"),
        ("nets.py:a_number", "its loss is a Tensor, not a function of the model"),
        ("nets.py:no_optimizer", "its optimizer is a str"),
        ("nets.py:no_rate", "learning rate must be a finite number above 0, not nan"),
        ("nets.py:no_layer", "nothing could be measured"),
        ("nets.py:refused", "cannot be examined: the loss must be a scalar tensor, not float"),
    ],
)
def test_misuse_has_status_2_and_one_sentence_that_mends_it(run, tmp_path, place, says):
    status, out, err = run(place)
    assert (status, out) == (2, "")
    assert says.format(here=tmp_path) in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("place", "line", "error"),
    [
        ("nets.py:broken", 'return {}["no such key"]', "KeyError: 'no such key'"),
        ("nets.py:broken_below", 'return json.loads("{")', "JSONDecodeError"),
        ("nets.py:loss_raises", 'raise KeyError("in the loss")', "KeyError: 'in the loss'"),
    ],
)
def test_the_users_own_error_is_shown_from_the_users_own_lines(run, place, line, error):
    status, out, err = run(place)
    assert (status, out) == (2, "")
    assert line in err
    assert error in err
    assert "doctor" not in err.partition("Traceback")[2]  # no line of ours stands between


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("def f(:\n", "SyntaxError"),
        ("import no_such_package\n", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("import sys\nsys.exit(3)\n", 'if __name__ == "__main__":'),
    ],
)
def test_a_file_that_cannot_be_loaded_says_why(run, tmp_path, content, says):
    (tmp_path / "bad.py").write_text(content)
    status, _, err = run("bad.py:f")
    assert status == 2
    assert says in err


def test_a_file_imports_its_neighbours_and_its_own_main_does_not_run(run, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "neighbour_of_torch.py").write_text(FILE)
    (tmp_path / "sub" / "torch.py").write_text(
        "from neighbour_of_torch import healthy\nif __name__ == '__main__':\n    raise ValueError\n"
    )
    status, _, err = run("sub/torch.py:healthy")
    assert status == 0, err


def test_a_page_that_cannot_be_written_is_said_before_anything_runs(run):
    status, out, err = run("nets.py:sick", "--html", "nowhere/page.html")
    assert (status, out) == (2, "")
    assert "mkdir -p nowhere" in err
    assert "Loading" not in err


def test_unknown_options_have_status_2(run, capsys):
    with pytest.raises(SystemExit) as stop:
        run("nets.py:sick", "--yaml")
    assert stop.value.code == 2
    assert "--yaml" in capsys.readouterr().err
