"""`sentinode protocol`: public test sets, measured as their papers do."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Engine, Out, Quiet, present, progress

app = typer.Typer(help="Public test sets, measured as their papers do.", no_args_is_help=True)

Bundle = Annotated[str, typer.Argument(help="A bundle's folder, or a shipped name: pcam, pcam-strong.")]
Scans = Annotated[Path, typer.Argument(help="Folder with scans of all slides of the test set.")]
Root = Annotated[Path, typer.Option("--root", help="The data set's folder (or file), in its public layout.")]
Labels = Annotated[
    Path | None, typer.Option(help="CSV slide,label of corrected labels (CAMELYON+): figures by them stand beside.")
]
LeastScore = Annotated[float, typer.Option(min=0, max=1, help="Lesions whose highest score is below this don't count.")]


@app.command("pcam")
def pcam(
    bundle: Bundle, root: Root, out: Out, engine: Engine = "auto", quiet: Quiet = False, as_json: AsJson = False
) -> None:
    """PatchCamelyon's test split: AUC, accuracy, log loss, calibration."""
    from sentinode.studies.protocols.patch_tests import measure_pcam

    present(measure_pcam(bundle, root, out, engine=engine, progress=progress(quiet)), as_json)


@app.command("kaggle")
def kaggle(
    bundle: Bundle, root: Root, out: Out, engine: Engine = "auto", quiet: Quiet = False, as_json: AsJson = False
) -> None:
    """The Kaggle competition: AUC on labelled images not trained on, and submission.csv."""
    from sentinode.studies.protocols.kaggle_protocol import measure_kaggle

    present(measure_kaggle(bundle, root, out, engine=engine, progress=progress(quiet)), as_json)


@app.command("nct")
def nct(
    bundle: Bundle, root: Root, out: Out, engine: Engine = "auto", quiet: Quiet = False, as_json: AsJson = False
) -> None:
    """CRC-VAL-HE-7K after training on NCT-CRC-HE-100K: balanced accuracy, AUC, and what colour alone gives."""
    from sentinode.studies.protocols.patch_tests import measure_nct

    present(measure_nct(bundle, root, out, engine=engine, progress=progress(quiet)), as_json)


@app.command("pathmnist")
def pathmnist(
    bundle: Bundle, root: Root, out: Out, engine: Engine = "auto", quiet: Quiet = False, as_json: AsJson = False
) -> None:
    """PathMNIST's test split: accuracy and AUC by MedMNIST's definitions, and what colour alone gives."""
    from sentinode.studies.protocols.patch_tests import measure_pathmnist

    present(measure_pathmnist(bundle, root, out, engine=engine, progress=progress(quiet)), as_json)


@app.command("camelyon16")
def camelyon16(scans: Scans, root: Root, out: Out, labels: Labels = None, as_json: AsJson = False) -> None:
    """CAMELYON16's test slides: FROC and slide AUC of their scans, with the organisers' exclusions."""
    from sentinode.studies.protocols.camelyon16_protocol import measure_camelyon16

    present(measure_camelyon16(scans, root, out, labels=labels), as_json)


@app.command("camelyon17")
def camelyon17(
    scans: Scans,
    root: Root,
    out: Out,
    labels: Labels = None,
    least_score: LeastScore = 0.0,
    as_json: AsJson = False,
) -> None:
    """CAMELYON17's labelled patients: pN stage by quadratic kappa, by hospital, and slide figures."""
    from sentinode.studies.protocols.camelyon17_protocol import measure_camelyon17

    present(measure_camelyon17(scans, root, out, labels=labels, least_score=least_score), as_json)


@app.command("camelyon+")
def camelyon_plus(
    scans: Scans,
    root: Root,
    out: Out,
    original: Annotated[Path | None, typer.Option(help="CSV of the original labels: figures by them, too.")] = None,
    least_score: LeastScore = 0.0,
    as_json: AsJson = False,
) -> None:
    """CAMELYON+: slide AUC and four classes by corrected labels."""
    from sentinode.studies.protocols.camelyon_plus_protocol import measure_camelyon_plus

    present(measure_camelyon_plus(scans, root, out, original=original, least_score=least_score), as_json)
