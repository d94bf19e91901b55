"""The `sentinode` command: its subcommands, and how an error reaches a person.

Modules here import the other rooms inside their functions only, so that `sentinode --help` answers at once.
"""

import sys
from collections.abc import Sequence

import click
import typer

from sentinode.cli import bundle, compare, data, demo, evaluate, predict, train
from sentinode.cli.options import warn
from sentinode.core.errors import SentinodeError

USER_ERROR = 2  # what the user can mend, as for a wrong option
INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it

app = typer.Typer(
    name="sentinode",
    help="Finds metastases in lymph-node histology. For research use only.",
    epilog="Put --debug anywhere for a traceback. Docs: README.md and docs/ of the project.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo")(demo.demo)
app.add_typer(data.app, name="data")
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("predict")(predict.predict)
app.add_typer(bundle.app, name="bundle")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 done in part, 2 something that the user can mend, 130 Ctrl-C."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    sys.exit(_run([word for word in words if word != "--debug"], debug=debug))


def _run(words: list[str], *, debug: bool) -> int:
    try:
        status = app(words, standalone_mode=False)
    except SentinodeError as error:
        if debug:
            raise
        return _fail(str(error))
    except click.UsageError as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        if debug:
            raise
        warn("\nstopped by Ctrl-C; what was finished is kept")
        return INTERRUPTED
    except click.exceptions.Exit as error:
        return error.exit_code
    return status if isinstance(status, int) else 0


def _fail(message: str) -> int:
    warn("error: " + " ".join(message.split()))
    return USER_ERROR


if __name__ == "__main__":
    main()
