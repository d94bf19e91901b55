"""The `sentinode` command: its subcommands, and how an error reaches a person.

Modules here import the other rooms inside their functions only, so that `sentinode --help` answers at once.
"""

import logging
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import version
from typing import Annotated, Any

import typer
import typer.core

from sentinode.cli import (
    backbones,
    baselines,
    bundle,
    compare,
    compose,
    crossval,
    data,
    demo,
    ensemble,
    evaluate,
    explain,
    features,
    froc,
    learning_curve,
    lesion_rule,
    mil,
    mine,
    models,
    plugins,
    predict,
    pretrain,
    protocol,
    scan,
    search,
    serve,
    slide,
    slide_score,
    stage,
    study,
    submit,
    synthesise,
    tiles,
    tissue,
    train,
    users,
)
from sentinode.cli.options import say, warn
from sentinode.cli.streams import discard_output, prepare_streams, reader_is_gone
from sentinode.core.errors import SentinodeError
from sentinode.core.extras import job
from sentinode.core.files import storage_error
from sentinode.core.settings import trusting

USER_ERROR = 2  # what the user can mend, as for a wrong option
INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it
CLOSED_PIPE = 141  # 128 + SIGPIPE: `sentinode … | head` ends as `cat … | head` does, and is no failure

EXTRAS = {
    "backbones": "torch",
    "baselines": "crossval",
    "bundle quantize": "quantize",
    "bundle sign": "sign",
    "compare": "evaluate",
    "compose": "compose",
    "crossval": "crossval",
    "data": "evaluate",
    "demo": "all",
    "ensemble": "train",
    "evaluate": "evaluate",
    "explain": "explain",
    "features": "crossval,scan",
    "froc": "evaluate,scan",
    "learning-curve": "train",
    "mil": "train,scan",
    "mine": "evaluate,scan",
    "models": "serve",
    "models check": "evaluate,serve",
    "models promote": "evaluate,serve",
    "pretrain": "pretrain",
    "protocol": "evaluate,scan",
    "scan": "scan",
    "search": "search",
    "serve": "serve",
    "slide": "scan",
    "slide-score": "evaluate,scan",
    "stage": "evaluate",
    "study": "crossval,train",
    "study pretraining": "crossval,pretrain",
    "submit": "evaluate",
    "synthesise": "train",
    "tiles": "evaluate,scan",
    "tissue": "scan",
    "train": "train",
    "users": "serve",
}
"""Command → the extras that have all that it needs. Those that are left out need none."""


class _StoppedError(Exception):
    """Ctrl-C; what the interrupted command said about going on."""


class _ClosedPipeError(Exception):
    """A pipe that nobody reads from any more."""


@contextmanager
def _past_typer() -> Iterator[None]:
    """Under other names: typer ends without a word at a KeyboardInterrupt, and with status 1 at a closed pipe."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise _StoppedError(str(error)) from error
    except BrokenPipeError as error:
        raise _ClosedPipeError from error


class _Commands(typer.core.TyperGroup):
    """The group of all commands; a whole number that one returns becomes the exit status."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        with _past_typer():  # --help and --version print while they are parsed
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        with _past_typer():
            status = super().invoke(ctx)
        ctx.exit(status if isinstance(status, int) else 0)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"sentinode {version('sentinode')}")
        raise typer.Exit


app = typer.Typer(
    name="sentinode",
    cls=_Commands,
    help="Finds metastases in lymph-node histology. For research use only.",
    epilog="Put --debug anywhere for a traceback, and --trust KEY.pub to open only bundles that this key has signed. "
    "Docs: README.md and docs/ of the project.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _options(
    version_: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


app.command("demo")(demo.demo)
app.add_typer(data.app, name="data")
app.command("train")(train.train)
app.command("pretrain")(pretrain.pretrain)
app.command("synthesise")(synthesise.synthesise)
app.command("crossval")(crossval.crossval)
app.command("search")(search.search)
app.command("evaluate")(evaluate.evaluate)
app.command("features")(features.features)
app.command("backbones")(backbones.backbones)
app.command("compare")(compare.compare)
app.command("baselines")(baselines.baselines)
app.command("learning-curve")(learning_curve.learning_curve)
app.add_typer(study.app, name="study")
app.command("ensemble")(ensemble.ensemble)
app.command("predict")(predict.predict)
app.command("explain")(explain.explain)
app.command("compose")(compose.compose)
app.command("tiles")(tiles.tiles)
app.command("scan")(scan.scan)
app.command("mil")(mil.mil)
app.command("mine")(mine.mine)
app.command("submit")(submit.submit)
app.command("serve")(serve.serve)
app.add_typer(models.app, name="models")
app.command("plugins")(plugins.plugins)
app.command("froc")(froc.froc)
app.command("stage")(stage.stage)
app.add_typer(protocol.app, name="protocol")
app.add_typer(bundle.app, name="bundle")
app.add_typer(users.app, name="users")
app.add_typer(slide.app, name="slide")
app.add_typer(lesion_rule.app, name="lesion-rule")
app.add_typer(slide_score.app, name="slide-score")
app.add_typer(tissue.app, name="tissue")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Status: 0 done, 1 done in part, 2 something that the user can mend, 130 Ctrl-C, 141 nobody reads the output on.
    """
    prepare_streams()
    try:
        _run(arguments)
    except BrokenPipeError:
        if not reader_is_gone():  # a pipe of our own, to a process that died
            raise
        discard_output()
        sys.exit(CLOSED_PIPE)


def _run(arguments: Sequence[str] | None) -> None:
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns where the home has no place for its cache
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        # It exits by itself: with the command's status, or with 2 after it has shown what was wrong with an option.
        with trusting(_trusted(words)), _job(words):
            app(words, prog_name="sentinode")
    except _StoppedError as error:
        _leave(INTERRUPTED, f"stopped by Ctrl-C; {str(error) or 'what was finished is kept'}", debug=debug)
    except _ClosedPipeError as error:
        raise BrokenPipeError from error
    except SentinodeError as error:  # before OSError, which some of them also are
        _leave(USER_ERROR, f"error: {error}", debug=debug)
    except PermissionError as error:
        _leave(USER_ERROR, f"error: {error.filename}: {error.strerror}; choose a place that you may use", debug=debug)
    except OSError as error:
        known = storage_error(error, error.filename or "a file")
        if known is None:
            raise
        _leave(USER_ERROR, f"error: {known}", debug=debug)


def _trusted(words: list[str]) -> list[str]:
    """The files after `--trust`, which may stand anywhere; both are taken out of `words`."""
    keys = []
    while place := next((at for at, word in enumerate(words, 1) if word.partition("=")[0] == "--trust"), 0):
        option = words.pop(place - 1)
        _, given, key = option.partition("=")
        key = key if given else words.pop(place - 1) if place <= len(words) else ""
        if not key:
            raise SentinodeError("--trust needs the file of a public key: --trust KEY.pub")
        keys.append(key)
    return keys


def _job(words: Sequence[str]) -> AbstractContextManager[None]:
    command = [word for word in words if not word.startswith("-")][:2]
    extra = EXTRAS.get(" ".join(command)) or EXTRAS.get("".join(command[:1]))
    return job(extra) if extra else nullcontext()


def _leave(status: int, message: str, *, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    warn(" ".join(message.split()))
    sys.exit(status)


if __name__ == "__main__":
    main()
