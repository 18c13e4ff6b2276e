"""The `revenue` command. Starts fast: dagster, dbt and Great Expectations load only where used."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from revenue_pipeline.domain.errors import ConfigurationError, RevenueError

MOST_DEAD_LETTERS = 20  # printed; all are in landing.dead_letter

app = typer.Typer(
    help="A revenue subledger: contracts, usage and invoices in; balanced, explained journals out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Form(StrEnum):
    """How a list is printed."""

    TABLE = "table"
    CSV = "csv"


cases_app = typer.Typer(
    no_args_is_help=True, help="Acceptance cases: worked examples to reproduce."
)
app.add_typer(cases_app, name="cases")

policy_app = typer.Typer(no_args_is_help=True, help="Policies: the choices of each entity.")
app.add_typer(policy_app, name="policy")


def main() -> None:
    """Entry point. Our own errors become one line on standard error and their exit code."""
    _use_bytecode_cache()
    try:
        with _lost_database_in_one_line():
            app()
    except RevenueError as error:
        typer.echo(f"revenue: {_one_line(str(error))}", err=True)
        sys.exit(error.exit_code)


@app.command()
def run() -> None:
    """Run the main job: sample input, derivation, checks, journals, report."""
    from revenue_pipeline.operate.run import run_main
    from revenue_pipeline.settings import load_settings

    raise typer.Exit(run_main(load_settings()))


@app.command()
def up(
    port: Annotated[int, typer.Option(help="Port of the Dagster UI.", min=1, max=65535)] = 3000,
) -> None:
    """Serve the Dagster UI (web server and daemon) until Ctrl-C."""
    from revenue_pipeline.operate.up import serve
    from revenue_pipeline.settings import load_settings

    raise typer.Exit(serve(load_settings(), port))


@app.command()
def ingest(
    source: Annotated[
        str, typer.Argument(help="stripe, crm_orders, usage_events or a file agreement.")
    ],
    paths: Annotated[list[Path], typer.Argument(help="Files or folders.")],
    tenant: Annotated[
        str | None, typer.Option(help="Account of the source the files speak for.")
    ] = None,
) -> None:
    """Take files in and translate them. Exit code 2 when a whole file was refused."""
    from revenue_pipeline.settings import load_settings
    from revenue_pipeline.sources.ingest import ingest as ingest_files
    from revenue_pipeline.warehouse.database import open_database

    settings = load_settings()
    with open_database(settings).connect(autocommit=True) as connection:
        report = ingest_files(
            connection, source, paths, settings=settings, tenant=tenant, translate=True
        )
    for file in report.files:
        if file.refused:
            typer.echo(f"refused  {_one_line(file.reason or file.path)}", err=True)
        else:
            typer.echo(
                f"landed   {file.path}: {file.received} received, {file.added} added, "
                f"{file.duplicates} duplicates, {file.collisions} collisions"
            )
    for letter in report.dead_letters[:MOST_DEAD_LETTERS]:
        typer.echo(f"dead     {_one_line(str(letter))}", err=True)
    if len(report.dead_letters) > MOST_DEAD_LETTERS:
        further = len(report.dead_letters) - MOST_DEAD_LETTERS
        typer.echo(f"dead     {further} more, all of them in landing.dead_letter", err=True)
    if report.translation:
        typer.echo(
            f"translated {report.translation.processed} rows, "
            f"{report.translation.waiting} waiting, {report.translation.dead} dead"
        )
    raise typer.Exit(2 if report.refused else 0)


@app.command()
def sample(
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; default REVENUE_HOME/sample.")
    ] = None,
    scale: Annotated[int, typer.Option(help="Multiplies the 200 customers.", min=1)] = 1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 20250101,
) -> None:
    """Write the sample company's files in its sources' own formats."""
    from revenue_pipeline.sample import write_sample
    from revenue_pipeline.settings import load_settings

    folder = out or load_settings().home / "sample"
    write_sample(folder, scale=scale, seed=seed)
    typer.echo(f"sample company written to {folder}")


@app.command()
def derive(
    full: Annotated[bool, typer.Option(help="Everything, whatever changed.")] = False,
) -> None:
    """Derive the contracts whose events arrived, test them and let the gate judge."""
    from revenue_pipeline.operate.derive import derive as derive_models
    from revenue_pipeline.settings import load_settings

    raise typer.Exit(derive_models(load_settings(), full=full))


@app.command()
def close(
    entity: Annotated[str, typer.Option(help="Legal entity, e.g. US.")],
    period: Annotated[str, typer.Option(help="Month, e.g. 2025-04.")],
) -> None:
    """Close a month. Refused while movements are unposted or an earlier month is open."""
    from revenue_pipeline.domain.periods import parse_period

    month = parse_period(period)  # a typing error is answered before anything heavy loads
    from revenue_pipeline.operate.close import close as close_period
    from revenue_pipeline.settings import load_settings

    raise typer.Exit(close_period(load_settings(), entity, month))


@app.command()
def verify(
    head: Annotated[
        list[str] | None,
        typer.Option(help="A head noted earlier, <number>:<hash>; may be repeated."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compute every hash again; name the first row that was touched. Exit code 1 when one was."""
    from revenue_pipeline.operate.verify import run_verify
    from revenue_pipeline.settings import load_settings

    raise typer.Exit(run_verify(load_settings(), head or [], as_json=json))


@cases_app.command("run")
def run_cases(
    folder: Annotated[Path, typer.Argument(help="Folder with *.yaml and golden.schema.json.")],
    capability: Annotated[
        str | None, typer.Option(help="Only cases that need this capability.")
    ] = None,
    case: Annotated[str | None, typer.Option(help="Only the case of this id.")] = None,
    json: Annotated[
        Path | None, typer.Option(help="File to write with every difference of every case.")
    ] = None,
) -> None:
    """Run worked examples in a database of their own and compare every figure.

    Exit code 1 when a case fails, 2 when a file is no case.
    """
    from revenue_pipeline.cases.command import run as run_folder
    from revenue_pipeline.settings import load_settings

    raise typer.Exit(
        run_folder(load_settings(), folder, capability=capability, case_id=case, json_file=json)
    )


@policy_app.command("diff")
def policy_diff(
    ref: Annotated[str, typer.Argument(help="Git commit, tag or branch to compare with.")],
    entity: Annotated[str | None, typer.Option(help="Only numbers of this legal entity.")] = None,
    form: Annotated[Form, typer.Option("--format", help="How to print them.")] = Form.TABLE,
) -> None:
    """Print which numbers today's policies move, compared with those of a commit.

    Both are derived from the same log, apart from the books. Nothing is posted. Exit code 2 when
    there is no such commit, or its policies cannot be read by today's models.
    """
    from revenue_pipeline.policies.command import diff
    from revenue_pipeline.settings import load_settings

    raise typer.Exit(diff(load_settings(), ref, entity_id=entity, as_csv=form is Form.CSV))


@app.command()
def report() -> None:
    """Print the report of the main job from what is in the database."""
    from revenue_pipeline.operate.report import print_report
    from revenue_pipeline.settings import load_settings

    raise typer.Exit(print_report(load_settings()))


@app.command()
def psql(
    command: Annotated[
        list[str] | None, typer.Option("-c", "--command", help="SQL to run; may be repeated.")
    ] = None,
) -> None:
    """Open the database in psql, or run SQL."""
    from revenue_pipeline.settings import load_settings
    from revenue_pipeline.warehouse.database import open_database
    from revenue_pipeline.warehouse.embedded import bin_dir

    settings = load_settings()
    database = open_database(settings)
    program = str(bin_dir() / "psql")
    if settings.database_url:  # the bundled psql speaks no TLS
        program = shutil.which("psql") or program
    arguments = [f"--command={text}" for text in command or []]
    os.execv(program, [program, database.url, *arguments])  # noqa: S606 - no shell is the point


@app.command()
def stop() -> None:
    """Stop the embedded database server."""
    from revenue_pipeline.settings import load_settings
    from revenue_pipeline.warehouse.database import embedded_server

    settings = load_settings()
    if settings.database_url:
        raise ConfigurationError("REVENUE_DATABASE_URL is set: that server is not ours to stop")
    stopped = embedded_server(settings).stop()
    typer.echo(f"database server in {settings.home} {'stopped' if stopped else 'was not running'}")


@app.command()
def doctor() -> None:
    """Check the installation; each line says what to do. Exit code 1 when something is broken."""
    from revenue_pipeline.operate.doctor import examine
    from revenue_pipeline.settings import load_settings

    findings = examine(load_settings())
    for finding in findings:
        typer.echo(f"{finding.state:<5} {finding.subject}: {finding.text}")
    raise typer.Exit(1 if any(finding.state == "fail" for finding in findings) else 0)


def _one_line(text: str) -> str:
    """Whatever a source wrote into a message: one line, nothing a terminal would obey."""
    return "".join(char if char.isprintable() else " " for char in " ".join(text.split()))


def _use_bytecode_cache() -> None:
    """Cache compiled modules even under PYTHONDONTWRITEBYTECODE, which doubles every start."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # for children
    sys.dont_write_bytecode = False
    compiled = Path(importlib.util.cache_from_source(typer.__file__))
    packages = compiled.parent.parent
    if not compiled.exists() and not os.access(packages, os.W_OK):
        # somebody else's installation, never compiled: keep our own copy
        prefix = Path(os.environ.get("REVENUE_HOME") or ".revenue").absolute() / "pycache"
        sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(prefix)


@contextmanager
def _lost_database_in_one_line() -> Iterator[None]:
    """A server that went away under us is no defect of ours: say so without a traceback."""
    try:
        yield
    except Exception as error:
        psycopg = sys.modules.get("psycopg")  # not imported here: --help needs no database driver
        if psycopg is None or not isinstance(error, psycopg.OperationalError):
            raise
        message = f"the database cannot go on ({error}); run the command again to continue"
        raise ConfigurationError(message) from error


if __name__ == "__main__":
    main()
