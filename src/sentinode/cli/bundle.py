"""`sentinode bundle`: show, verify and quantise a bundle."""

from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Out, Quiet, Set, Source, answer, progress, say
from sentinode.core.settings import Settings

app = typer.Typer(help="Show, verify and quantise a bundle.", no_args_is_help=True)

Bundle = Annotated[str, typer.Argument(help="A bundle's folder, or a shipped name: pcam.")]


@app.command()
def show(bundle: Bundle, as_json: AsJson = False) -> None:
    """Print what a bundle is: its card, or with --json all of bundle.json."""
    from sentinode.models.bundle import open_bundle
    from sentinode.models.bundle_info import CARD_FILE

    opened = open_bundle(bundle)
    if as_json:
        answer(opened.info.model_dump(mode="json"))
    else:
        say((opened.folder / CARD_FILE).read_text(encoding="utf-8").rstrip())


@app.command()
def verify(bundle: Bundle, as_json: AsJson = False) -> None:
    """Check a bundle: every file's hash, and the answers to its example on every engine that is installed."""
    from sentinode.models.bundle import open_bundle
    from sentinode.models.engines.engine_factory import open_engine, usable_engines

    opened = open_bundle(bundle)
    threads = Settings.from_environment().threads
    engines = [open_engine(opened, name, threads=threads).name for name in usable_engines(opened)]
    if as_json:
        answer({"bundle": str(opened.folder), "files": len(opened.info.files), "engines": engines})
    else:
        say(f"{opened.folder} is as it was written: {len(opened.info.files)} files, engines {', '.join(engines)}")


@app.command()
def quantize(
    bundle: Bundle, data: Source, out: Out, settings_: Set = None, quiet: Quiet = False, as_json: AsJson = False
) -> None:
    """Write an INT8 version of a bundle, calibrated and measured on validation; refused if the AUC falls by > 0.002."""
    from sentinode.studies.quantization_study import quantize_bundle

    settings = Settings.from_environment()
    result = quantize_bundle(bundle, data, out, overrides=settings_ or (), settings=settings, progress=progress(quiet))
    if as_json:
        answer(result.to_json())
    else:
        say(result.summary())
