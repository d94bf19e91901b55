"""`sentinode models`: versions of models, and which of them serves."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Engine, Quiet, present, present_part, progress

app = typer.Typer(help="Versions of models, which of them serves, and what was done with them.", no_args_is_help=True)
Data = Annotated[Path | None, typer.Option("--data", help="The server's own folder, as of `sentinode serve`.")]
Database = Annotated[str | None, typer.Option(help="SQLAlchemy URL; without: SQLite in the data folder.")]
Reason = Annotated[str, typer.Option(help="Why, for the log.")]
AliasName = Annotated[str, typer.Argument(metavar="NAME@ALIAS", help="What clients ask for, such as pcam@champion.")]
Name = Annotated[str, typer.Argument(help="The model's name.")]
Digits = Annotated[str, typer.Argument(metavar="VERSION", help="The first digits of the version's hash, 6 or more.")]


@app.command("add")
def add(
    bundle: Annotated[str, typer.Argument(help="A bundle's folder, or a shipped name: pcam, pcam-strong.")],
    name: Annotated[str | None, typer.Option(help="The model's name; without: the bundle's.")] = None,
    reason: Reason = "",
    data: Data = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Add a bundle as a version: it is copied, and bears its hash."""
    from sentinode.studies.registry import registry_jobs

    present(registry_jobs.add_version(bundle, name, reason, data, database), as_json)


@app.command("list")
def list_versions(
    name: Annotated[str | None, typer.Argument(help="Of this model alone.")] = None,
    data: Data = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Versions, when they were added, and the aliases that point to them."""
    from sentinode.studies.registry import registry_jobs

    present(registry_jobs.list_versions(name, data, database), as_json)


@app.command("show")
def show(name: Name, version: Digits, data: Data = None, database: Database = None, as_json: AsJson = False) -> None:
    """A version, where its bundle lies, and what was done with it."""
    from sentinode.studies.registry import registry_jobs

    present(registry_jobs.show_version(name, version, data, database), as_json)


@app.command("check")
def check(
    alias: AliasName,
    version: Digits,
    data: Data = None,
    database: Database = None,
    engine: Engine = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Have the gate look at a version on the policy's frozen data, and keep its report. Exits with 1 where it fails."""
    from sentinode.studies.registry import registry_jobs

    found = registry_jobs.check_version(alias, version, data, database, engine=engine, progress=progress(quiet))
    return present_part(found, as_json)


@app.command("promote")
def promote(
    alias: AliasName,
    version: Digits,
    reason: Reason = "",
    force: Annotated[bool, typer.Option("--force", help="Pass the gate over; needs a --reason.")] = False,
    data: Data = None,
    database: Database = None,
    engine: Engine = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Have the gate look at a version, and let it serve where the gate lets it through."""
    from sentinode.studies.registry import registry_jobs

    entry = registry_jobs.promote_version(
        alias, version, reason, data, database, force=force, engine=engine, progress=progress(quiet)
    )
    present(entry, as_json)


@app.command("rollback")
def rollback(
    alias: AliasName, reason: Reason = "", data: Data = None, database: Database = None, as_json: AsJson = False
) -> None:
    """Let serve what served before the last promotion."""
    from sentinode.studies.registry import registry_jobs

    present(registry_jobs.roll_back(alias, reason, data, database), as_json)


@app.command("retire")
def retire(
    name: Name,
    version: Digits,
    reason: Reason = "",
    data: Data = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Say that a version is not to be promoted again; its copy is kept."""
    from sentinode.studies.registry import registry_jobs

    present(registry_jobs.retire_version(name, version, reason, data, database), as_json)


@app.command("log")
def log(
    of: Annotated[str | None, typer.Argument(metavar="NAME[@ALIAS]", help="Of this model or alias alone.")] = None,
    data: Data = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """What was done: when, by whom, from what to what, by which gate and why."""
    from sentinode.studies.registry import registry_jobs

    present(registry_jobs.read_log(of, data, database), as_json)


@app.command("at")
def at(
    time: Annotated[str, typer.Argument(help="2026-05-01T12:00, in UTC, or with an offset.")],
    data: Data = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Which version each alias pointed to at a time."""
    from sentinode.studies.registry import registry_jobs

    present(registry_jobs.targets_at(time, data, database), as_json)
