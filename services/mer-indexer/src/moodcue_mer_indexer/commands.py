"""What the commands do with their arguments."""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from moodcue.errors import MoodcueError
from moodcue.library_index import read_manifest
from moodcue.settings import load_settings
from moodcue.songs import open_songs
from moodcue.taxonomy import EMOTIONS, QUADRANTS
from moodcue_mer_indexer import app
from moodcue_mer_indexer.analysis import (
    Analysed,
    Failure,
    analyse_file,
    analyse_files,
    explained,
    unless_bad,
)
from moodcue_mer_indexer.audio import stream_audio
from moodcue_mer_indexer.balance import balance_of
from moodcue_mer_indexer.bench import measure
from moodcue_mer_indexer.evaluate import evaluate_held_out_folds, evaluate_model
from moodcue_mer_indexer.features import song_facts
from moodcue_mer_indexer.library import LibraryError
from moodcue_mer_indexer.model import MerModel, shipped_model_folder
from moodcue_mer_indexer.picture import draw_library, write_picture
from moodcue_mer_indexer.playlists import write_playlists
from moodcue_mer_indexer.progress import show_progress
from moodcue_mer_indexer.settings import IndexerSettings
from moodcue_mer_indexer.song_csv import write_csv
from moodcue_mer_indexer.training.package import export_run
from moodcue_mer_indexer.write_tags import write_tags

FILES_FAILED = 3
"""Exit code: the command did its work, but some files cannot be used."""


def _print(result: dict[str, Any]) -> None:
    print(json.dumps(result, ensure_ascii=False), flush=True)  # noqa: T201 - the result


def _model_folder(options: argparse.Namespace) -> Path:
    folder: Path = options.model or shipped_model_folder()
    return folder


def _predict(options: argparse.Namespace) -> int:
    folder = _model_folder(options)
    if options.workers > 1:
        answers = analyse_files(options.paths, model_folder=folder, workers=options.workers)
    else:
        answers = ((path, analyse_file(path, model_folder=folder)) for path in options.paths)
    failed = False
    for path, answer in answers:
        _print({"path": str(path), **_prediction(answer)})
        failed = failed or isinstance(answer, Failure)
    return FILES_FAILED if failed else 0


def _prediction(answer: Analysed | Failure) -> dict[str, Any]:
    if isinstance(answer, Failure):
        return _error(answer)
    emotion = answer.emotion
    return {
        "quadrants": dict(zip(QUADRANTS, emotion.quadrants, strict=True)),
        "valence": emotion.valence,
        "arousal": emotion.arousal,
        "emotions": dict(zip(EMOTIONS, emotion.emotions, strict=True)),
    }


def _error(failure: Failure) -> dict[str, Any]:
    return {"error": explained(failure)}


def _facts(options: argparse.Namespace) -> int:
    mel = MerModel(_model_folder(options)).mel
    failed = False
    for path in options.paths:
        blocks = stream_audio(path, sample_rate=mel.sample_rate)
        answer = unless_bad(path, partial(song_facts, blocks, mel=mel))
        failed = failed or isinstance(answer, Failure)
        facts = _error(answer) if isinstance(answer, Failure) else msgspec.structs.asdict(answer)
        _print({"path": str(path), **facts})
    return FILES_FAILED if failed else 0


def _evaluate(options: argparse.Namespace) -> int:
    if options.index is not None and options.out_of_fold is None:
        raise MoodcueError(
            "--index publishes what the fold models hear; give --out-of-fold RUN, too"
        )
    if options.out_of_fold is not None:
        _print(
            evaluate_held_out_folds(
                options.data,
                run=options.out_of_fold,
                workers=options.workers,
                index=options.index,
            )
        )
    else:
        _print(
            evaluate_model(
                options.data, model_folder=_model_folder(options), workers=options.workers
            )
        )
    return 0


def _build(options: argparse.Namespace) -> int:
    summary = app.build_and_announce(options.music, settings=_settings(options))
    _print(summary)
    return FILES_FAILED if summary["failed"] else 0


def _settings(options: argparse.Namespace) -> IndexerSettings:
    """Return the settings, with what the command line says in their place."""
    return load_settings(IndexerSettings).model_copy(
        update={
            "music_dir": options.music,
            "index_dir": options.index,
            "model_dir": options.model,
            "workers": options.workers,
            "compose_if_empty": False,
        }
    )


def _watch(options: argparse.Namespace) -> int:
    if not options.music.is_dir():
        raise LibraryError(f"{options.music} is no folder; give the folder that holds the music")
    settings = _settings(options).model_copy(
        update={"settle_seconds": options.settle, "rescan_seconds": options.rescan}
    )
    app.watch(settings, report=_print)
    return 0


def _show(options: argparse.Namespace) -> int:
    songs = open_songs(options.index, read_manifest(options.index))
    balance = balance_of(songs)
    result = balance.as_json()
    if options.out is not None:
        write_picture(options.out, draw_library(songs, balance))
        result["picture"] = str(options.out)
    _print(result)
    return 0


def _table(options: argparse.Namespace) -> int:
    _print({"table": str(options.out), "songs": write_csv(options.index, options.out)})
    return 0


def _playlists(options: argparse.Namespace) -> int:
    written = write_playlists(
        options.index, options.out, sure=options.sure, absolute=options.absolute
    )
    _print({"folder": str(options.out), "playlists": written})
    return 0


def _write_tags(options: argparse.Namespace) -> int:
    failed = False
    for result in write_tags(
        options.music,
        index=options.index,
        sure=options.sure,
        remove=options.remove,
        dry_run=options.dry_run,
    ):
        _print(result)
        failed = failed or "error" in result
    return int(failed)


def _bench_index(options: argparse.Namespace) -> int:
    from moodcue_mer_indexer.bench_index import (  # noqa: PLC0415 - it measures imports too
        measure_files,
        measure_index,
    )

    with TemporaryDirectory(prefix="moodcue-bench-") as folder:
        if options.songs:
            index = Path(folder, "index")
            _print(measure_index(songs=options.songs, folder=index, compare=options.compare))
        if options.files:
            _print(measure_files(files=options.files, folder=Path(folder, "library")))
    return 0


def _bench(options: argparse.Namespace) -> int:
    _print(measure(options.paths, model_folder=_model_folder(options)))
    return 0


def _compose(options: argparse.Namespace) -> int:
    # Here, as in `app`: a second of libraries.
    from moodcue_mer_indexer.composer.check import check_library  # noqa: PLC0415 - see above
    from moodcue_mer_indexer.composer.library import compose_library  # noqa: PLC0415 - see above

    composed = show_progress(
        compose_library(
            options.folder, pieces=options.pieces, seed=options.seed, workers=options.workers
        ),
        total=options.pieces,
        label="Composing",
    )
    written = sum(new for _, new in composed)
    result = {
        "folder": str(options.folder),
        "pieces": options.pieces,
        "written": written,
        "kept": options.pieces - written,
    }
    if options.check:
        result["check"] = check_library(
            options.folder,
            pieces=options.pieces,
            seed=options.seed,
            model_folder=_model_folder(options),
            workers=options.workers,
        )
    _print(result)
    return 0


@contextmanager
def _training_extra() -> Iterator[None]:
    """Say which extra is missing instead of which module."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MoodcueError(
            f"training needs {error.name}; install it: pip install 'moodcue-mer-indexer[train]'"
        ) from error


def _train(options: argparse.Namespace) -> int:
    with _training_extra():
        from moodcue_mer_indexer.training.backbone import find_taggers  # noqa: PLC0415 - torch
        from moodcue_mer_indexer.training.heads import HeadSettings  # noqa: PLC0415 - torch
        from moodcue_mer_indexer.training.run import train  # noqa: PLC0415 - torch
    _print(
        train(
            options.data,
            taggers=options.taggers or find_taggers(),
            out=options.out,
            cache=options.cache or options.out / "cache",
            folds=options.folds,
            settings=HeadSettings(epochs=options.epochs, seed=options.seed),
            jobs=options.jobs,
        )
    )
    return 0


def _compare(options: argparse.Namespace) -> int:
    with _training_extra():
        from moodcue_mer_indexer.training.compare import compare  # noqa: PLC0415 - torch
        from moodcue_mer_indexer.training.fit import FitSettings  # noqa: PLC0415 - torch
    for record in compare(
        options.data,
        out=options.out,
        cache=options.cache or options.out / "cache",
        folds=options.folds,
        settings=FitSettings(epochs=options.epochs, seed=options.seed, precision="bfloat16"),
        jobs=options.jobs,
        features=options.features,
    ):
        _print(record)
    return 0


def _export(options: argparse.Namespace) -> int:
    manifest = export_run(options.run, out=options.out)
    _print({"model": str(options.out), "sha256": manifest.sha256, "metrics": manifest.metrics})
    return 0


def _run(_: argparse.Namespace) -> int:
    app.run(load_settings(IndexerSettings), report=_print)
    return 0


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "predict": _predict,
    "facts": _facts,
    "evaluate": _evaluate,
    "build": _build,
    "watch": _watch,
    "show": _show,
    "table": _table,
    "playlists": _playlists,
    "write-tags": _write_tags,
    "bench-index": _bench_index,
    "bench": _bench,
    "compose": _compose,
    "train": _train,
    "compare": _compare,
    "export": _export,
    "run": _run,
}
