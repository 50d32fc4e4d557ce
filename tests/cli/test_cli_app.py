"""The commands as a whole: help, how errors end them, and the ways to start the program."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
from command import error_of, run

import ostinato
from ostinato import SequenceClassifier
from ostinato.cli import main
from ostinato.tasks import Forecaster

COMMANDS = ["demo", "fit", "predict", "detect", "evaluate", "info"]


def python(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60)


def test_the_help_lists_the_commands_in_the_order_a_newcomer_meets_them():
    ended = run("--help")
    assert (ended.code, ended.err) == (0, "")
    listed = [line.split()[1] for line in ended.out.split("Commands")[1].splitlines() if line.startswith("│ ")]
    assert [word for word in listed if word in COMMANDS] == COMMANDS


@pytest.mark.parametrize("command", [["fit", "forecaster"], ["predict"], ["detect"], ["evaluate"], ["demo"], ["info"]])
@pytest.mark.parametrize("columns", [80, 120])
def test_every_command_explains_itself_with_an_example(command, columns):
    ended = run(*command, "--help", columns=columns)
    assert ended.code == 0
    assert f"ostinato {' '.join(command)} " in ended.out.split("Example:")[1]
    assert max(map(len, ended.out.splitlines())) <= columns


@pytest.mark.parametrize("command", [[], ["fit"], ["fit", "forecaster"], ["predict"], ["evaluate"], ["info"]])
def test_a_command_without_arguments_shows_its_help(command):
    ended = run(*command)
    assert (ended.code, ended.err) == (2, "")
    assert ended.out.strip().startswith("Usage: ")


def test_a_system_that_it_does_not_run_on_is_told_at_the_import():
    ended = python("-c", "import os; os.name = 'nt'; import ostinato")
    assert ended.returncode != 0
    assert ended.stderr.splitlines()[-1].startswith("ImportError: Ostinato runs on Linux, and needs")


def test_help_comes_without_the_import_of_heavy_packages():
    heavy = "{'torch', 'pandas', 'numpy', 'matplotlib', 'pydantic'}"
    shown = python("-c", f"import sys, ostinato.cli; print({heavy} & set(sys.modules))")
    assert shown.stdout == "set()\n"


def test_the_help_of_fit_and_demo_comes_without_them_either():
    for command in ("fit", "demo"):
        script = (
            f"import sys\nsys.argv = ['ostinato', '{command}', '--help']\nfrom ostinato.cli import main\n"
            "try: main()\nexcept SystemExit: print({'torch', 'pandas', 'numpy'} & set(sys.modules))"
        )
        assert python("-c", script).stdout.splitlines()[-1] == "set()"


def test_what_a_saved_model_needs_comes_without_compilers_pictures_and_other_peoples_models():
    slow = "{'torch._dynamo', 'sympy', 'networkx', 'matplotlib', 'sklearn', 'scipy'}"
    script = (
        "import sys\nfrom ostinato.tasks.registry import REGISTRY\n"
        f"for entry in REGISTRY.values(): entry.load()\nprint({slow} & set(sys.modules))"
    )
    assert python("-c", script).stdout == "set()\n"


@pytest.mark.parametrize("verb", ["classifier", "forecaster"])
def test_a_saved_model_is_told_of_without_them_too(verb, tmp_path):
    if verb == "classifier":
        texts = [f"good {number}" for number in range(20)] + ["bad"] * 20
        model = SequenceClassifier(hidden_size=4, embedding_size=4, epochs=1).fit((texts, ["up"] * 20 + ["down"] * 20))
    else:
        model = Forecaster(horizon=2, window=4, hidden_size=4, epochs=1).fit(np.arange(40.0))
    model.save(tmp_path / "model")
    script = (
        f"import sys\nsys.argv = ['ostinato', 'info', {str(tmp_path / 'model')!r}]\nfrom ostinato.cli import main\n"
        "try: main()\nexcept SystemExit: print({'torch._dynamo', 'sympy', 'matplotlib', 'sklearn'} & set(sys.modules))"
    )
    assert python("-c", script).stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize(
    "command",
    [
        *((name, __file__) for name in ("predict", "detect", "evaluate")),
        *((name,) for name in ("info", "chat", "generate")),
        *((name, "a text") for name in ("tag", "translate", "suggest", "explain")),
    ],
)
def test_a_folder_without_a_model_is_refused_before_torch_is_imported(command, tmp_path):
    name, *data = command
    script = (
        f"import sys\nsys.argv = ['ostinato', {name!r}, {str(tmp_path)!r}, *{data!r}]\nfrom ostinato.cli import main\n"
        "try: main()\nexcept SystemExit: print({'torch', 'pandas', 'numpy'} & set(sys.modules))"
    )
    ended = python("-c", script)
    assert "has no bundle.json" in ended.stderr
    assert ended.stdout.splitlines()[-1] == "set()"


def test_data_that_are_not_there_are_refused_before_the_model_is_loaded(tmp_path):
    assert "nowhere.csv: no such file" in error_of("predict", tmp_path / "no model", tmp_path / "nowhere.csv")


def test_the_version_is_told():
    assert run("--version").out == f"ostinato {ostinato.__version__}\n"


def test_the_console_script_and_python_m_start_the_same_program():
    [script] = entry_points(group="console_scripts", name="ostinato")
    assert script.load() is main
    started = python("-m", "ostinato", "--version")
    installed = subprocess.run([Path(sys.executable).parent / "ostinato", "--version"], capture_output=True, text=True)
    assert started.stdout == installed.stdout == f"ostinato {ostinato.__version__}\n"
    assert started.returncode == installed.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "No such command 'train'"),
        (["fit", "sales.csv"], "No such command 'sales.csv'"),
        (["predict", "model"], "Missing argument 'DATA'"),
        (["fit", "forecaster", "sales.csv"], "Missing option '--out'"),
        (["info", "model", "--loud"], "No such option: --loud"),
        (["evaluate", "model", "sales.csv", "--stride", "0"], "Invalid value for '--stride'"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line_that_names_the_help(arguments, message):
    told = error_of(*arguments)
    assert message in told
    assert told.endswith(" --help)")


def test_an_error_of_the_system_is_told_by_the_name_of_the_file(tmp_path, sales):
    told = error_of("fit", "forecaster", sales, "--out", tmp_path / ("x" * 300))
    assert told.startswith(str(tmp_path))
    assert told.endswith("name too long")


def test_under_torchrun_the_first_process_of_a_machine_alone_tells_of_an_error(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert run("info", "nowhere") == (2, "", "")


def test_ctrl_c_outside_training_ends_quietly(monkeypatch, model, sales):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Forecaster, "predict", interrupted)
    assert run("predict", model, sales) == (130, "", "")


def test_a_reader_that_goes_away_ends_the_command_quietly(model, sales):
    command = [sys.executable, "-m", "ostinato", "predict", str(model), str(sales)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1
