"""`sentinode bundle`: show, verify and quantise a bundle."""

from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Out, Quiet, Set, Source, present, progress

app = typer.Typer(help="Show, verify and quantise a bundle.", no_args_is_help=True)

Bundle = Annotated[str, typer.Argument(help="A bundle's folder, or a shipped name: pcam.")]


@app.command()
def show(bundle: Bundle, as_json: AsJson = False) -> None:
    """Print what a bundle is: its card, or with --json all of bundle.json."""
    from sentinode.studies.bundle_check import show_bundle

    present(show_bundle(bundle), as_json)


@app.command()
def verify(bundle: Bundle, as_json: AsJson = False) -> None:
    """Check a bundle: every file's hash, and the answers to its example on every engine that is installed."""
    from sentinode.studies.bundle_check import verify_bundle

    present(verify_bundle(bundle), as_json)


@app.command()
def quantize(
    bundle: Bundle, data: Source, out: Out, settings_: Set = None, quiet: Quiet = False, as_json: AsJson = False
) -> None:
    """Write an INT8 version of a bundle, calibrated and measured on validation; refused if the AUC falls by > 0.002."""
    from sentinode.studies.quantization_study import quantize_bundle

    result = quantize_bundle(bundle, data, out, overrides=settings_ or (), progress=progress(quiet))
    present(result, as_json)
