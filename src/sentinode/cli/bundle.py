"""`sentinode bundle`: show, verify, sign and quantise a bundle."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Out, Quiet, Set, Source, present, progress

app = typer.Typer(help="Show, verify, sign and quantise a bundle.", no_args_is_help=True)

Bundle = Annotated[str, typer.Argument(help="A bundle's folder, or a shipped name: pcam, pcam-strong.")]


@app.command()
def show(bundle: Bundle, as_json: AsJson = False) -> None:
    """Print what a bundle is: its card, or with --json all of bundle.json."""
    from sentinode.studies.bundle_check import show_bundle

    present(show_bundle(bundle), as_json)


@app.command()
def verify(bundle: Bundle, as_json: AsJson = False) -> None:
    """Check a bundle: its hashes, its signature, and the answers to its example on every engine that is installed."""
    from sentinode.studies.bundle_check import verify_bundle

    present(verify_bundle(bundle), as_json)


@app.command()
def sign(
    bundle: Bundle,
    key: Annotated[Path, typer.Option(help="Ed25519 private key, from ssh-keygen -t ed25519 or from OpenSSL.")],
    passphrase: Annotated[bool, typer.Option("--passphrase", help="Ask for the key's passphrase.")] = False,
    as_json: AsJson = False,
) -> None:
    """Sign a bundle, for those who open it with --trust KEY.pub."""
    from sentinode.studies.bundle_check import sign_bundle

    word = typer.prompt("Passphrase", hide_input=True, err=True) if passphrase else None
    present(sign_bundle(bundle, key, passphrase=word), as_json)


@app.command()
def quantize(
    bundle: Bundle, data: Source, out: Out, settings_: Set = None, quiet: Quiet = False, as_json: AsJson = False
) -> None:
    """Write an INT8 version of a bundle, calibrated and measured on validation; refused if the AUC falls by > 0.002."""
    from sentinode.studies.quantization_study import quantize_bundle

    result = quantize_bundle(bundle, data, out, overrides=settings_ or (), progress=progress(quiet))
    present(result, as_json)
