"""The command `fovea`: what people call by hand, beside the workflow itself.

Each command reads its options here and calls one function of the library, which is imported only
then, so that `fovea --help` and shell completion stay fast. One file, because options that several
commands have are to be alike.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from fovea import __version__
from fovea.config.paths import Paths
from fovea.errors import FoveaError, counted

Mode = Literal["adherent", "network", "general", "dark"]
Contrast = Literal["dark", "bright"]

app = typer.Typer(
    help="From time-lapse microscopy to single-cell traces and kinetic parameters.",
    epilog="The workflow itself is started with Snakemake: snakemake --cores 16",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

curation = typer.Typer(no_args_is_help=True)
app.add_typer(curation, name="curation", help="The table of cells that you judge good or bad.")


class _ImportGroup(typer.core.TyperGroup):
    """Files without the name of a program are those of PyAMA, as before there were others."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["pyama", *args]
        return super().parse_args(ctx, args)


imports = typer.Typer(no_args_is_help=True, cls=_ImportGroup)
app.add_typer(imports, name="import", help="Take over what other tools have written.",
              epilog="Example: fovea import geff exports/demo_fov_000.geff")  # fmt: skip


export = typer.Typer(no_args_is_help=True)
app.add_typer(export, name="export", help="Write results in the file formats of other tools.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command `fovea` with the words after its name, by default those of the command line.

    The exit code is 0, 1 after an error of the input, which is one line on standard error, or 2
    where the command itself is wrong. Where nobody reads the output to its end, as in
    ``fovea describe movie.nd2 | head``, it ends without a word.
    """
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python writes what is left to standard output when it ends, and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _run(arguments: Sequence[str] | None) -> int:
    try:
        app(None if arguments is None else list(arguments), prog_name="fovea")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except FoveaError as error:
        print(error, file=sys.stderr)
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"{error.filename or 'fovea'}: {error.strerror or error}", file=sys.stderr)
    return 1


def _option(text: str, metavar: str | None = None) -> Any:
    return typer.Option(metavar=metavar, help=text)


def _file(text: str) -> Any:
    return _option(text, "FILE")


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _fovea(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command(epilog="Example: fovea describe movie.nd2")
def describe(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE",
            help="ND2, CZI, TIFF or OME-Zarr; a quoted glob; or a quoted pattern such as "
            "'img_{fov}_{channel}_{frame}.tif'.",
        ),
    ],
    axes: Annotated[
        str | None, typer.Option(help="Axes of plain TIFF stacks, slowest first, such as TCYX.")
    ] = None,
    sizes: Annotated[
        list[str] | None,
        _option(
            "Size of an axis that the number of pages does not tell, such as C=2; "
            "may be given several times.",
            "AXIS=N",
        ),
    ] = None,
    together: Annotated[
        bool, typer.Option("--together", help="The files are positions of one recording.")
    ] = False,
) -> None:
    """Show what recordings hold, and the lines of a config that read them.

    Fields of view, frames, channels, pixel size and acquisition times.
    """
    from fovea.inspection.suggest import guess_phase_by_light, suggest
    from fovea.recordings.describe import describe as described

    try:
        known = {key: int(value) for key, value in (size.split("=") for size in sizes or [])}
    except ValueError:
        raise typer.BadParameter("--sizes takes pairs such as C=2") from None
    failed = 0
    for number, source in enumerate([files] if together else files):
        if isinstance(source, str) and "{" in source and not Path(source).exists():
            source = {"pattern": source}
        elif axes:
            source = {"files": source, "axes": axes} | ({"sizes": known} if known else {})
        if number:
            print()
        try:
            print(described(source, suggest=suggest, guess=guess_phase_by_light))
        except FoveaError as error:
            print(error, file=sys.stderr)
            failed = 1
    raise typer.Exit(failed)


def _config(file: Path) -> dict[str, Any]:
    """Read a config and fill in its defaults."""
    from fovea.config.validation import validated
    from fovea.config.written import read_config

    return validated(read_config(file), source=str(file))


def _paths(configfile: Path) -> Paths:
    """Return where a run writes; of an archive that has no config, where runs usually do."""
    return Paths.of(_config(configfile)) if configfile.exists() else Paths()


@app.command(epilog="Example: fovea preview --dataset mydata --cell-diameter 40")
def preview(
    configfile: Annotated[Path, _file("Config with the dataset.")] = Path("config/config.yaml"),
    dataset: Annotated[
        str | None, typer.Option(help="Its name in the config; the first one without it.")
    ] = None,
    fov: Annotated[int, typer.Option(help="Field of view.")] = 0,
    frames: Annotated[int, typer.Option(help="Number of frames.")] = 3,
    cell_diameter: Annotated[
        float | None, _option("Show segmentation `phase` with this diameter.", "PIXELS")
    ] = None,
    mode: Annotated[Mode | None, _option("Show segmentation `phase` in this mode.")] = None,
    contrast: Annotated[
        Contrast | None, _option("Cells are dark, or bright, against their surroundings.")
    ] = None,
    output: Annotated[Path, _file("Picture to draw.")] = Path("preview.png"),
) -> None:
    """Find the segmentation that suits a recording, and draw its outlines into a picture.

    Candidates are scored without annotations; look at the picture before a long run. Where none of
    them fits, the last line says so.
    """
    from fovea.inspection.preview import preview as previewed

    config = _config(configfile)
    dataset = dataset or next(iter(config["datasets"]))
    if dataset not in config["datasets"]:
        names = ", ".join(config["datasets"])
        raise FoveaError(f"--dataset {dataset} is not in the config; allowed: {names}")
    lines = previewed(config, dataset, output, fov, max(1, frames), cell_diameter, mode, contrast)
    print("\n".join(lines))


@app.command(epilog="Example: fovea status --directory my_experiment")
def status(
    directory: Annotated[Path, _option("Working directory of the run.", "DIR")] = Path(),
    configfile: Annotated[
        Path | None, _file("Config of the run; default: DIR/config/config.yaml.")
    ] = None,
) -> None:
    """Show where every field of view stands, also while Snakemake runs; it changes nothing."""
    from fovea.config.plan import Plan
    from fovea.runs.old_results import old_results, words
    from fovea.runs.remarks import remarks
    from fovea.runs.status import collect, table
    from fovea.runs.time_left import progress

    plan = Plan(_config(configfile or directory / "config" / "config.yaml"))
    rows = collect(plan, directory)
    print("\n".join([table(rows), *progress(plan, rows, directory)]))
    options = [] if configfile is None else ["--configfile", str(configfile)]
    options += [] if directory == Path() else ["--directory", str(directory)]
    places = [(row.dataset, row.fov) for row in rows]
    for text in (
        words(
            old_results(plan, directory),
            plan.paths.RESULTS,
            shlex.join(["fovea", "clean", *options]),
        ),
        *remarks(plan, places, directory),
    ):
        if text:
            print(text)


@app.command(epilog="Example: fovea inspect --directory my_experiment")
def inspect(
    directory: Annotated[Path, _option("Working directory of the run.", "DIR")] = Path(),
    configfile: Annotated[
        Path | None, _file("Config of the run; default: DIR/config/config.yaml.")
    ] = None,
    snakefile: Annotated[
        Path | None, _file("Workflow, for running it again; default: that of DIR or this clone.")
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on this machine; 0 for any that is free.")
    ] = 0,
    preview: Annotated[
        str | None,
        _option("Instead: choose mode, diameter and tracking for this recording.", "RECORDING"),
    ] = None,
    channel: Annotated[
        int | None, _option("Its phase contrast, where no name and no picture tells it.", "INDEX")
    ] = None,
) -> None:
    """Open a page in which to look at every cell, judge it, and fit again.

    It also shows results that are not complete, and a run that is going on. Verdicts are written to
    the curation table at once; nothing else is changed. With --preview it is a page in which to
    choose parameters before a run, with sliders and outlines that follow them.
    """
    from fovea.pages.needs import need_bokeh

    need_bokeh()
    if preview is not None:
        from fovea.pages.live.server import preview as previewed

        previewed(preview, channel, port)
        return
    from fovea.pages.live.server import inspect as opened

    config = _config(configfile or directory / "config" / "config.yaml")
    opened(directory, configfile, snakefile, port, config)


@app.command(epilog="Example: fovea check results")
def check(
    results: Annotated[
        Path | None,
        typer.Argument(
            metavar="RESULTS",
            help="A folder of results, or a folder in it; default: that of config/config.yaml.",
        ),
    ] = None,
) -> None:
    """Compare arrays, tables and records with their checksums: for archives, and after copying.

    Each file that is damaged, not whole or missing is named. The exit code is 0 if there is none,
    else 1. Figures, pages and logs have no checksums.
    """
    from fovea.integrity import check as integrity

    results = results or Path(_paths(Path("config/config.yaml")).RESULTS)
    parts = integrity.parts_of(results)
    with typer.progressbar(length=sum(part.size for part in parts), file=sys.stderr) as bar:
        wrong, unknown = integrity.compare(parts, bar.update)
    for line in wrong:
        print(line, file=sys.stderr)
    files = counted(len(parts), "array, group or table", "arrays, groups and tables")
    print(f"{results}: {files} compared, {len(wrong)} not as Fovea wrote them")
    if unknown:
        print(f"{unknown} have no checksum; results of Fovea 0.1.0 have none")
    raise typer.Exit(bool(wrong))


@app.command(epilog="Example: fovea clean --dry-run")
def clean(
    directory: Annotated[Path, _option("Working directory of the run.", "DIR")] = Path(),
    configfile: Annotated[
        Path | None, _file("Config of the run; default: DIR/config/config.yaml.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="List them, no more.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Move files in results that the config does not make to a folder results_old_N beside it.

    They are left from runs with other datasets, fields of view, samples, channels or features.
    Nothing is deleted, and logs and benchmarks stay where they are.
    """
    from fovea.config.plan import Plan
    from fovea.runs.index import write_index
    from fovea.runs.old_results import move_away, old_results
    from fovea.runs.status import collect

    plan = Plan(_config(configfile or directory / "config/config.yaml"))
    found = old_results(plan, directory)
    print("\n".join(found) or f"The config makes everything that is in {plan.paths.RESULTS}")
    if dry_run or not found:
        return
    if any((directory / ".snakemake" / "locks").glob("*")):
        raise FoveaError(
            f"{directory}: Snakemake is at work here, or was killed; wait for its end, or give "
            "its command with --unlock first"
        )
    if yes or typer.confirm(f"Move these {len(found)} files and folders away?", err=True):
        print(f"Moved to {move_away(found, plan.paths.RESULTS, directory)}")
        places = [(row.dataset, row.fov) for row in collect(plan, directory)]
        write_index(plan, places, old_results(plan, directory), directory)


@app.command(epilog="Example: fovea evaluate annotated.tif results/demo/fov_000/images.zarr/"
             "seg_tracked_ch_0 --figure worst.png")  # fmt: skip
def evaluate(
    reference: Annotated[
        Path | None, typer.Argument(metavar="REFERENCE", help="Annotated labels or tracks.")
    ] = None,
    result: Annotated[
        Path | None, typer.Argument(metavar="RESULT", help="Labels or tracks to score.")
    ] = None,
    suite: Annotated[
        Path | None,
        _option(
            "Instead: segment all annotated recordings in this folder, with what Fovea proposes "
            "for each, and score it; docs/accuracy.md explains the table.",
            "FOLDER",
        ),
    ] = None,
    listed: Annotated[
        Path | None,
        typer.Option(
            "--list",
            metavar="FILE",
            help="YAML with the suite's rows; default: FOLDER/suite.yaml, or what the names tell.",
        ),
    ] = None,
    mode: Annotated[Mode | None, _option("Mode for all of the suite.")] = None,
    contrast: Annotated[Contrast | None, _option("Contrast for all of the suite.")] = None,
    cell_diameter: Annotated[
        float | None, _option("Cell diameter for all of the suite.", "PIXELS")
    ] = None,
    best: Annotated[
        bool,
        typer.Option("--best", help="Also look for the best mode, contrast and diameter."),
    ] = False,
    all_frames: Annotated[
        bool,
        typer.Option("--all-frames", help="Measure all frames of the suite, not 10 of a row."),
    ] = False,
    figures: Annotated[
        Path | None, _option("Folder for a picture of each row's worst frame.", "DIR")
    ] = None,
    table: Annotated[
        list[Path] | None,
        typer.Option(
            "--table",
            "--out",
            metavar="FILE",
            help="CSV or JSON file for the scores; of a suite also Markdown (.md). May be given "
            "several times.",
        ),
    ] = None,
    figure: Annotated[Path | None, _file("PNG file for the cells found worst.")] = None,
    images: Annotated[Path | None, _file("The recording's frames, for the figure.")] = None,
    lineage: Annotated[Path | None, _file("Lineage table of the result.")] = None,
    reference_lineage: Annotated[Path | None, _file("Lineage table of the reference.")] = None,
    stills: Annotated[
        bool, typer.Option("--stills", help="The labels are no IDs: score no tracks.")
    ] = False,
) -> None:
    """Score labels or tracks against a reference, or segmentation on a folder of recordings.

    Labels are TIFF files (T, Y, X or Y, X) or channel groups of a results folder,
    such as results/demo/fov_000/images.zarr/seg_tracked_ch_0.
    """
    if (suite is None) == (result is None):
        raise typer.BadParameter("name a reference and a result, or a folder as --suite")
    if suite is not None:
        from fovea.evaluation.suite_run import run

        fixed = {"mode": mode, "contrast": contrast, "cell_diameter": cell_diameter}
        given = {key: value for key, value in fixed.items() if value is not None}
        print(run(suite, listed, given, best, all_frames, table or (), figures))
        return
    from fovea.evaluation import evaluate as of

    (known, found, frames), numbers = of.read_stacks(reference, result, images)
    parents, theirs = (of.read_parents(p) if p else None for p in (lineage, reference_lineage))
    scores, matches = of.score(known, found, parents, theirs, tracks=not stills)
    print(of.as_text([{"measure": key, "value": value} for key, value in scores.items()]))
    for path in table or ():
        of.write_table([scores], path)
    if figure:
        of.draw_worst(frames, known, found, matches, figure, numbers)


@imports.command("pyama", epilog="Example: fovea import pyama processing_config.yaml samples.yaml "
                 "--input movie.nd2 --output config/config.yaml")  # fmt: skip
def import_pyama(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE", help="PyAMA's YAML files or assay.json, and ..._inspected.csv."
        ),
    ],
    recording: Annotated[
        str | None, typer.Option("--input", metavar="FILE", help="Recording, to process it anew.")
    ] = None,
    dataset: Annotated[str, typer.Option(help="Name of the dataset in the config.")] = "recording",
    output: Annotated[Path | None, _file("Config to write; else it is printed.")] = None,
    curation: Annotated[Path, _file("Table that edited cells are added to.")] = Path(
        "config/curation.csv"
    ),
) -> None:
    """Take over settings, samples and edited traces of PyAMA.

    processing_config.yaml, processing_results.yaml and samples.yaml, or an
    assay.json, become a config of Fovea, ..._inspected.csv become rows of the
    curation table.
    """
    import yaml

    from fovea.samples.imports.pyama_config import convert, curation_rows, write_curation

    edited = [path for path in files if path.endswith(".csv")]
    if edited:
        rows = [row for path in edited for row in curation_rows(path, dataset)]
        write_curation(curation, rows)
        print(f"{curation}: {len(rows)} rows added", file=sys.stderr)
    settings = [path for path in files if path not in edited]
    if not settings:
        return
    done = convert(settings, dataset, recording)
    text = "".join(f"# {note}\n" for note in done.notes)
    text += yaml.safe_dump(done.config, sort_keys=False, allow_unicode=True, width=100)
    if output is None:
        print(text, end="")
        return
    if output.exists():
        raise FoveaError(f"{output}: exists already; name another file with --output")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, "utf-8")
    print(f"{output}: written", file=sys.stderr)


_DIRECTORY = Annotated[Path, _option("Working directory of the run.", "DIR")]
_CONFIGFILE = Annotated[Path | None, _file("Config of the run; default: DIR/config/config.yaml.")]
_DATASET = Annotated[str | None, typer.Option(help="Its name in the config; all without it.")]
_FOVS = Annotated[
    str, _option('Fields of view, such as "0-5, 7"; all that are tracked without it.', "FOVS")
]


def _tracked(directory: Path, configfile: Path | None, dataset: str | None, fovs: str) -> list:
    from fovea.config.plan import Plan
    from fovea.exports.fields import tracked_fields

    plan = Plan(_config(configfile or directory / "config/config.yaml"))
    return tracked_fields(plan, directory, dataset, fovs)


@export.command(epilog="Example: fovea export geff --dataset demo --fov 0")
def geff(
    dataset: _DATASET = None,
    fov: _FOVS = "all",
    output: Annotated[Path, _option("Folder for the stores.", "DIR")] = Path("exports"),
    directory: _DIRECTORY = Path(),
    configfile: _CONFIGFILE = None,
) -> None:
    """Write tracks with their lineage as GEFF, one store per field of view."""
    from fovea.exports.geff import export_geff

    for field in _tracked(directory, configfile, dataset, fov):
        target = output / f"{field.name}.geff"
        print(f"{target}: {export_geff(field, target).words}")


@export.command(epilog="Example: fovea export ctc --dataset demo --fov 0")
def ctc(
    dataset: _DATASET = None,
    fov: _FOVS = "all",
    truth: Annotated[
        bool, typer.Option("--truth", help="Write a reference, 01_GT, and not a result, 01_RES.")
    ] = False,
    output: Annotated[Path, _option("Folder; it gets one of each dataset.", "DIR")] = Path(
        "exports"
    ),
    directory: _DIRECTORY = Path(),
    configfile: _CONFIGFILE = None,
) -> None:
    """Write labels and tracks in the folders of the Cell Tracking Challenge.

    Sequence 01 is field of view 0.
    """
    from fovea.exports.ctc import export_ctc, words

    for field in _tracked(directory, configfile, dataset, fov):
        written = export_ctc(field, output / field.dataset, truth)
        folder = output / field.dataset / f"{field.fov + 1:02d}_{'GT' if truth else 'RES'}"
        print(f"{folder}: {words(*written)}")


@export.command(epilog="Example: fovea export trackmate --dataset demo --fov 0")
def trackmate(
    dataset: _DATASET = None,
    fov: _FOVS = "all",
    images: Annotated[
        bool, typer.Option("--images/--no-images", help="Write the raw images beside the tracks.")
    ] = True,
    output: Annotated[Path, _option("Folder for the files.", "DIR")] = Path("exports"),
    directory: _DIRECTORY = Path(),
    configfile: _CONFIGFILE = None,
) -> None:
    """Write tracks as XML of TrackMate, and raw images as TIFF, which Fiji opens."""
    from fovea.exports.trackmate import export_trackmate

    for field in _tracked(directory, configfile, dataset, fov):
        target = output / f"{field.name}.xml"
        print(f"{target}: {export_trackmate(field, target, images).words}")


@export.command(epilog="Example: fovea export ngff --dataset demo --fov 0 --channel 1")
def ngff(
    dataset: _DATASET = None,
    fov: _FOVS = "all",
    channel: Annotated[
        int | None, _option("Channel of the image; the phase contrast without it.", "INDEX")
    ] = None,
    output: Annotated[Path, _option("Folder for the images.", "DIR")] = Path("exports"),
    directory: _DIRECTORY = Path(),
    configfile: _CONFIGFILE = None,
) -> None:
    """Write OME-Zarr images with the cells as their labels, by links to the results."""
    from fovea.exports.ngff import export_ngff

    for field in _tracked(directory, configfile, dataset, fov):
        shown = field.pc if channel is None else channel
        target = output / f"{field.name}_ch_{shown}.zarr"
        print(f"{target}: image and labels, {export_ngff(field, target, channel)}")


@export.command("ro-crate", epilog="Example: fovea export ro-crate --directory my_experiment")
def ro_crate(
    name: Annotated[str, typer.Option(help="Title; the folder's name without it.")] = "",
    license_url: Annotated[
        str, typer.Option("--license", metavar="URL", help="License of the data.")
    ] = "",
    directory: _DIRECTORY = Path(),
    configfile: _CONFIGFILE = None,
) -> None:
    """Describe a finished run as an RO-Crate: inputs, parameters, versions, outputs, checksums.

    It is one file in the folder of the run, ro-crate-metadata.json; nothing is copied.
    """
    from fovea.config.plan import Plan
    from fovea.exports.ro_crate import RECORD, export_ro_crate
    from fovea.runs.old_results import old_results
    from fovea.runs.status import collect

    configfile = configfile or directory / "config/config.yaml"
    plan = Plan(_config(configfile))
    open_ = [row for row in collect(plan, directory) if row.state != "done"]
    if open_ or not all((directory / file).exists() for file in plan.sample_files()):
        raise FoveaError(
            f"{directory}: this run is not finished; `fovea status` says what is missing, and "
            "Snakemake goes on with it"
        )
    old = old_results(plan, directory)
    written = export_ro_crate(plan, directory, configfile, old, name, license_url)
    print(f"{directory / RECORD}: {written}")


@imports.command("geff", epilog="Example: fovea import geff exports/demo_fov_000.geff")
def import_geff(
    stores: Annotated[
        list[Path], typer.Argument(metavar="STORE", help="GEFF stores of edited tracks.")
    ],
    dataset: Annotated[
        str | None, typer.Option(help="Dataset of the store, if its metadata do not say it.")
    ] = None,
    fov: Annotated[int | None, typer.Option(help="Field of view of the store, likewise.")] = None,
    directory: _DIRECTORY = Path(),
    configfile: _CONFIGFILE = None,
) -> None:
    """Take back tracks that were edited elsewhere, in place of those that Fovea found.

    Each store becomes a table in the folder edited_tracks of the config. The next run tracks these
    fields of view again, and makes all that follows.
    """
    from fovea.config.plan import Plan
    from fovea.exports.import_geff import import_store

    plan = Plan(_config(configfile or directory / "config/config.yaml"))
    if fov is not None and len(stores) > 1:
        raise FoveaError("--fov is for one store; import them one by one")
    for path in stores:
        print(import_store(path, plan, directory, dataset, fov))


@app.command(epilog="Example: fovea movie --dataset demo --fov 0 --cell 7 --output cell.gif")
def movie(
    dataset: _DATASET = None,
    fov: _FOVS = "0",
    cell: Annotated[int | None, typer.Option(help="Follow this cell.")] = None,
    channel: Annotated[
        int | None, _option("Channel to show; the phase contrast without it.", "INDEX")
    ] = None,
    rate: Annotated[float, typer.Option(min=0.1, max=50, help="Frames per second.")] = 7.0,
    output: Annotated[
        Path | None, _file("Movie, .mp4 or .gif; else exports/{dataset}_fov_000.mp4.")
    ] = None,
    directory: _DIRECTORY = Path(),
    configfile: _CONFIGFILE = None,
) -> None:
    """Write a movie with outlines, IDs, time and a scale bar, of a field of view or of one cell."""
    from fovea.exports.movie import export_movie

    fields = _tracked(directory, configfile, dataset, fov)
    if output is not None and len(fields) > 1:
        raise FoveaError(f"{output}: is one file for {len(fields)} movies; choose one with --fov")
    for field in fields:
        name = field.name + ("" if cell is None else f"_cell_{cell}")
        target = output or Path("exports") / f"{name}.mp4"
        frames = export_movie(field, target, cell, channel, rate)
        print(f"{target}: {counted(frames, 'frame')}")


@app.command(epilog="Example: fovea view 0 --dataset demo")
def view(
    fov: Annotated[int, typer.Argument(metavar="FOV", help="Field of view.")],
    dataset: Annotated[
        str | None, typer.Option(help="Its name in the config; the first one without it.")
    ] = None,
    directory: _DIRECTORY = Path(),
    configfile: _CONFIGFILE = None,
) -> None:
    """Open a field of view in napari: images, cells and tracks, in seconds and micrometers."""
    fields = _tracked(directory, configfile, dataset, str(fov))
    from fovea.exports.napari import view as opened

    opened(fields[0])


@curation.command(epilog="Example: fovea curation rebase")
def rebase(
    table: Annotated[Path, typer.Option("--curation", metavar="FILE", help="The table.")] = Path(
        "config/curation.csv"
    ),
    directory: Annotated[Path, _option("Working directory of the run.", "DIR")] = Path(),
    configfile: Annotated[
        Path | None, _file("Config of the run; default: DIR/config/config.yaml.")
    ] = None,
) -> None:
    """Find judged cells again after segmentation or tracking changed.

    Writes the new IDs and places into the table, and keeps the old one beside it.
    """
    from fovea.samples.rebase import rebase as rebased

    paths = _paths(configfile or directory / "config" / "config.yaml")
    print("\n".join(rebased(directory / table, directory, paths)))


if __name__ == "__main__":
    sys.exit(main())
