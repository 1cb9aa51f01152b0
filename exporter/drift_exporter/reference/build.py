"""Building a reference from logs of known good predictions.

All input is read twice: to find the columns with their types and categories, then to count. A third time
where it has timestamps, to see how much windows of time vary, or more than 1,000,000 rows: bins are then
chosen from a uniform sample of a million, and counted over all rows. That is done by the code that counts
when serving.

Memory is bounded by a decoded chunk of 8 MiB (or 131,072 rows of Parquet), 10,000 texts of each categorical
column, and a million numbers of one numeric column at a time; all columns of that sample (8 MB each) are in a
temporary file beside the output. Beside that are 200,000 words of each text column, and 64 MiB of the vectors
of each embedding column.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from drift_exporter.config.schema import Config, Model
from drift_exporter.config.sources import pattern_of
from drift_exporter.decode.plan import CODE_FIRST, CODE_MISSING, CODE_OTHER
from drift_exporter.errors import ReferenceFileError
from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.discover import (
    Discovery,
    Spec,
    derivations_of,
    discover,
    late_label,
    which_records,
)
from drift_exporter.reference.document import fingerprint
from drift_exporter.reference.inputs import Input, Progress, Reader, find_inputs
from drift_exporter.reference.model import (
    CategoricalColumn,
    Column,
    Kind,
    NumericColumn,
    Reference,
)
from drift_exporter.reference.reading import Decoding, FirstPass, make_reference_plan
from drift_exporter.reference.recount import count_again
from drift_exporter.reference.sample import (
    LABEL_KEY,
    TIMESTAMP,
    label_name,
    sample_names,
    sample_path,
    write_sample,
)
from drift_exporter.reference.store import save_reference
from drift_exporter.reference.texts import RowTexts

ROW_LIMIT = 1_000_000
_NAMES_SHOWN = 5


def build_reference(  # noqa: PLR0913 - what the command line offers, and the clock and limit for tests
    config: Config,
    model: str,
    inputs: Sequence[Path],
    *,
    output: Path,
    seed: int = 0,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.time,
    row_limit: int = ROW_LIMIT,
) -> Reference:
    """Build the reference of a model and write it to ``output``, its sample beside it.

    The same input and seed give the same file but for ``created``, which comes from ``clock``. Bins are
    chosen from all rows, or from ``row_limit`` of them, drawn uniformly, where there are more.

    Raises ReferenceFileError where the input cannot be read, has no rows or columns, or where values are not
    what the configuration says.
    """
    own = _find_model(config, model)
    source = own.predictions.source
    files = find_inputs(inputs, source.decoded_as)
    _check_output(output, files)
    reader = Reader(files, config.limits.line, progress or _silent, passes=2)
    discovery = _discover(config, own, reader, seed)
    plan = make_reference_plan(own, discovery.specs)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        first = FirstPass(
            own, discovery.specs, min(row_limit, discovery.rows), seed, output.parent.absolute()
        )
    except OSError as error:
        raise ReferenceFileError(f"{output.parent}: cannot be written: {error.strerror or error}") from error
    if discovery.rows > row_limit or own.predictions.fields.timestamp is not None:
        reader.passes += 1
    which = which_records(own)
    pattern = pattern_of(source)
    row_texts = RowTexts(config.limits.line, which, pattern)
    with Decoding(config, plan, pattern) as decoding, row_texts as texts:
        for chunk, records in decoding.records(reader):
            first.add(chunk, records, texts)
        check_rejected(own, decoding)
        _check_named(own, first, decoding, reader)
    check_rows(own, first, len(discovery.specs))
    rejected = decoding.rejected.told(decoding.accepted)
    notes = [*([] if rejected is None else [rejected]), *discovery.notes]
    reference = replace(
        assemble(own, discovery.specs, first, notes, clock()), sample=sample_path(output).name, seed=seed
    )
    reference = count_again(config, own, reference, first, reader)
    _write_sample(reference, first, sample_path(output))
    save_reference(reference, output)
    return reference


def assemble(
    model: Model, specs: Sequence[Spec], first: FirstPass, notes: Sequence[str], created: float
) -> Reference:
    """The reference from all that was found in the first pass, without a sample."""
    told = [*notes]
    columns = _columns(model, specs, first, told)
    fields = len(first.numeric_specs)
    kept = first.numeric.values[:, : first.numeric.used]
    study = first.labels.result(columns, kept[:fields], kept[fields:])
    said = study.notes
    if first.rows > first.numeric.used and "roc_auc" in study.metrics:
        kept_rows = f"{first.numeric.used} rows, drawn uniformly"
        said = (
            *said,
            f"performance: roc_auc, average_precision and estimates without labels rest on {kept_rows}",
        )
    derivations = derivations_of(specs)
    return Reference(
        model=model.name,
        rows=first.rows,
        columns=columns,
        created=created,
        fingerprint=fingerprint(columns, derivations),
        start=None if first.start is None else first.start / 1e6,
        end=None if first.end is None else first.end / 1e6,
        # Sums depend on the order of adding them; what is stored does not.
        performance={name: float(f"{value:.12g}") for name, value in study.metrics.items()},
        notes=(*told, *said),
        derivations=derivations,
        outcomes=study.outcomes,
    )


def _silent(_done: int, _total: int) -> None:
    """Tell nobody."""


def _find_model(config: Config, name: str) -> Model:
    for model in config.models:
        if model.name == name:
            return model
    known = ", ".join(model.name for model in config.models)
    raise ReferenceFileError(f"there is no model {name!r} in the configuration; there are: {known}")


def _check_output(output: Path, files: Sequence[Input]) -> None:
    for file in files:
        if Path(file.path).resolve() in {output.resolve(), sample_path(output).resolve()}:
            raise ReferenceFileError(
                f"{file.path}: is an input and would be overwritten; name another output"
            )


def _discover(config: Config, model: Model, reader: Reader, seed: int) -> Discovery:
    """The columns. Where they cannot be found because most records cannot be read, that is the error."""
    try:
        return discover(config, model, reader, seed)
    except ReferenceFileError:
        with Decoding(
            config, make_reference_plan(model, ()), pattern_of(model.predictions.source)
        ) as decoding:
            for _ in decoding.records(reader):
                pass
        check_rejected(model, decoding)
        raise


def check_rejected(model: Model, decoding: Decoding) -> None:
    """Raise ReferenceFileError where most records were rejected."""
    if decoding.rejected.count > decoding.accepted:
        raise ReferenceFileError(
            f"{decoding.rejected.told(decoding.accepted)}; check the format of the input and "
            f"predictions.fields of model {model.name!r}"
        )


def _check_named(model: Model, first: FirstPass, decoding: Decoding, reader: Reader) -> None:
    """Refuse an input in which others are named, and the model is not."""
    if first.rows or not decoding.accepted or decoding.plan.model is None:
        return
    names = decoding.other_names(reader, _NAMES_SHOWN)
    held = f"it holds {', '.join(map(repr, names))}" if names else "no record has a name there"
    raise ReferenceFileError(
        f"no record of the input is of model {model.name!r} by its field {'.'.join(decoding.plan.model)} "
        f"(predictions.fields.model): {held}; name other inputs, or correct the field or the model's name"
    )


def check_rows(model: Model, first: FirstPass, columns: int) -> None:
    """Raise ReferenceFileError where there are no rows or no columns."""
    if not first.rows:
        raise ReferenceFileError("the input has no rows")
    if not columns:
        raise ReferenceFileError(
            f"no column was found in {first.rows} rows; check predictions.fields of model {model.name!r}"
        )


def _columns(model: Model, specs: Sequence[Spec], first: FirstPass, notes: list[str]) -> tuple[Column, ...]:
    """Columns with their counts; adds to the notes what there is to say of them.

    A label that comes apart from the predictions when serving is no column that could be judged.
    """
    columns: list[Column] = []
    late = late_label(model) is not None
    for spec in specs:
        if spec.kind == "label" and late:
            continue
        if not spec.numeric:
            column: Column | None = _categorical(spec, first)
        else:
            column = _numeric(spec, first, notes)
        if column is not None:
            columns.append(column)
            constant = _constant(column)
            if constant is not None:
                notes.append(f"{spec.name}: constant, always {constant}")
    return tuple(columns)


def _categorical(spec: Spec, first: FirstPass) -> CategoricalColumn:
    codes = first.codes[first.categorical_specs.index(spec)]
    return CategoricalColumn(
        name=spec.name,
        kind=spec.kind,
        categories=spec.categories,
        category_counts=codes[CODE_FIRST:].copy(),
        other=int(codes[CODE_OTHER]),
        missing=int(codes[CODE_MISSING]),
    )


def _numeric(spec: Spec, first: FirstPass, notes: list[str]) -> NumericColumn | None:
    place = first.numeric_specs.index(spec)
    if first.infinite[place]:
        notes.append(f"{spec.name}: {first.infinite[place]} infinite values; they count as missing")
    if not first.moments[place].count:
        if spec.configured:
            raise ReferenceFileError(f"column {spec.name!r} has no finite value in all {first.rows} rows")
        notes.append(f"{spec.name}: left out, for it has no finite value in all {first.rows} rows")
        return None
    return numeric_column(spec.name, spec.kind, np.array(first.numeric.values[place, : first.numeric.used]))


def _constant(column: Column) -> str | None:
    """The only value of a column, None where there are several."""
    if isinstance(column, NumericColumn):
        return repr(column.minimum) if column.minimum == column.maximum else None
    return repr(column.categories[0]) if len(column.categories) == 1 and not column.other else None


def _write_sample(reference: Reference, first: FirstPass, path: Path) -> None:
    numeric, categorical, times = first.sample()
    keys: Mapping[tuple[Kind, str], np.ndarray] = {
        **{(s.kind, s.name): values for s, values in zip(first.numeric_specs, numeric, strict=True)},
        **{(s.kind, s.name): values for s, values in zip(first.categorical_specs, categorical, strict=True)},
    }
    names = sample_names([(column.kind, column.name) for column in reference.columns])
    columns = {names[key]: keys[key] for key in names}
    if LABEL_KEY in keys and LABEL_KEY not in names:
        columns[label_name(reference)] = keys[LABEL_KEY]
    if first.start is not None:
        columns[TIMESTAMP] = times.astype(np.int64)
    write_sample(columns, path)
