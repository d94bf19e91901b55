import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer.main

from helpers import layouts
from sentinode.cli.main import app, main
from sentinode.cli.options import say

Command = Callable[..., Any]


def every_command(command: Any = None, *words: str) -> Iterator[tuple[str, ...]]:
    """The words of each command and each group of commands, the empty ones of `sentinode` itself first."""
    command = command or typer.main.get_command(app)
    yield words
    for name, inner in getattr(command, "commands", {}).items():
        yield from every_command(inner, *words, name)


@pytest.mark.parametrize("words", list(every_command()), ids=" ".join)
def test_every_command_has_help(words: tuple[str, ...], sentinode: Command) -> None:
    outcome = sentinode(*words, "--help")
    assert outcome.status == 0
    assert outcome.out.startswith(f"Usage: {' '.join(['sentinode', *words])}")
    assert outcome.err == ""


def test_every_promised_command_is_there() -> None:
    names = {" ".join(words) for words in every_command()}
    promised = {"demo", "data inspect", "data pack", "train", "evaluate", "compare", "predict"}
    assert promised | {"bundle show", "bundle verify", "bundle quantize"} <= names


def test_importing_and_asking_for_help_load_nothing_heavy() -> None:
    # In a process of its own: this one has loaded everything already.
    words = [list(words) for words in every_command()]
    script = f"""
import json, sys
import sentinode
loaded = [sorted(sys.modules)]
from sentinode.cli.main import main
for words in {words!r}:
    try:
        main([*words, "--help"])
    except SystemExit as end:
        assert end.code == 0, words
loaded.append(sorted(sys.modules))
sys.stderr.write(json.dumps(loaded))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"torch", "torchvision", "timm", "lightning", "pandas", "matplotlib", "openvino", "onnx", "sklearn"}
    heavy |= {"scipy", "h5py", "numpy", "PIL"}
    for names in json.loads(done.stderr):
        assert not heavy & set(names)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("trian",), "No such command 'trian'"),
        (("train", "demo", "--epochs", "3"), "No such option: --epochs"),
        (("data", "inspect"), "Missing argument"),
        (("data", "inspect", "folder:x"), "Missing option '--out'"),
    ],
)
def test_a_wrong_word_is_status_2_with_the_place_of_the_help(
    words: tuple[str, ...], message: str, sentinode: Command
) -> None:
    outcome = sentinode(*words)
    assert outcome.status == 2
    assert message in outcome.err
    assert "--help" in outcome.err
    assert "Traceback" not in outcome.err


def test_what_a_user_can_mend_is_one_line_and_status_2(sentinode: Command) -> None:
    outcome = sentinode("data", "pack", "folder:nowhere")
    assert outcome.status == 2
    assert outcome.out == ""
    assert outcome.err == (
        "error: there is no data set at 'nowhere'; give an existing path, alone or after one of "
        "pcam:, kaggle:, folder:, medmnist:, csv:, slides:, unlabelled:, synthetic:patches\n"
    )


@pytest.mark.parametrize("place", range(4))
def test_debug_anywhere_adds_the_traceback(place: int, sentinode: Command) -> None:
    words = ["data", "pack", "folder:nowhere"]
    words.insert(place, "--debug")
    outcome = sentinode(*words)
    assert outcome.status == 2
    assert outcome.err.startswith("Traceback")
    assert outcome.err.splitlines()[-1].startswith("error: there is no data set at 'nowhere'")


def test_ctrl_c_is_status_130_and_one_line(sentinode: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_address: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sentinode.studies.packing_study.open_source", interrupted)
    outcome = sentinode("data", "pack", "folder:.")
    assert (outcome.status, outcome.err) == (130, "stopped by Ctrl-C; what was finished is kept\n")


def test_a_mistake_of_ours_is_not_dressed_up_as_the_users(sentinode: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_address: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("sentinode.studies.packing_study.open_source", broken)
    with pytest.raises(ZeroDivisionError):
        sentinode("data", "pack", "folder:.")


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied", "/x/y"), OSError(28, "No space", "/x/y")])
def test_a_place_that_can_not_be_used_is_named(
    error: OSError, sentinode: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_address: str) -> None:
        raise error

    monkeypatch.setattr("sentinode.studies.packing_study.open_source", refuse)
    outcome = sentinode("data", "pack", "folder:.")
    assert outcome.status == 2
    assert len(outcome.err.splitlines()) == 1
    assert "/x/y" in outcome.err


def test_pack_and_inspect_answer_in_json(sentinode: Command, workplace: Path, tmp_path: Path) -> None:
    folder = layouts.make_folder(tmp_path / "data")
    packed = sentinode("data", "pack", folder, "--json")
    assert packed.status == 0
    answer = json.loads(packed.out)
    assert (answer["images"], answer["excluded"]) == (36, {})
    assert Path(answer["folder"]).is_dir()
    seen = sentinode("data", "inspect", folder, "--out", "page", "--json")
    assert seen.status == 0
    assert json.loads(seen.out) == json.loads((workplace / "page" / "inspect.json").read_text(encoding="utf-8"))
    assert (workplace / "page" / "index.html").is_file()


def test_a_line_reaches_a_pipe_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server says of its address must not wait in a buffer until the server ends."""
    pipe = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(pipe, encoding="utf-8", line_buffering=False))
    say("serving pcam")
    assert pipe.getvalue() == b"serving pcam\n"


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"sentinode {version('sentinode')}\n")
