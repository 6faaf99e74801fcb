"""Analyses of Arrow tables: a RecordBatch in, a RecordBatch out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from postopt._optional import needs
from postopt.engagement.posts import COUNTS, Columns, check_counts
from postopt.errors import PostDataError
from postopt.quality.features import FEATURE_NAMES
from postopt.quality.lexicon import primary

with needs("pyarrow"):
    import pyarrow as pa
    import pyarrow.compute as pc

if TYPE_CHECKING:
    from postopt.engagement.analysis import Analyst
    from postopt.engagement.suggestions import Suggestion
    from postopt.judgement import Finding, Prediction, QualityReport

_TEXTS: Final = ("text", "title", "page", "type", "language")
_COLUMNS: Final = ("id", *_TEXTS, "published")
_NUMBERS: Final = ("median", "low", "high", "p_above_baseline", "baseline")
_AXIS = pa.struct([("axis", pa.string()), ("value", pa.float64())])
_FINDING = pa.struct(
    [("rule", pa.string()), ("axis", pa.string()), ("hard", pa.bool_()), ("start", pa.int64()), ("end", pa.int64())]
)
_SUGGESTION = pa.struct(
    [(name, pa.string()) for name in ("edit", "text", "advice", "kind", "outcome")]
    + [("rewritten", pa.bool_())]
    + [(name, pa.float64()) for name in ("lift", "low", "high")]
)


def analyzed(analyst: Analyst, table: Any, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield an analysis for each batch of a table, a batch, or an iterator of batches."""
    first = 0
    for batch in _batches(table, batch_rows):
        yield analyze_batch(analyst, batch, first)
        first += len(batch)


def analyze_batch(analyst: Analyst, batch: pa.RecordBatch, first: int = 0) -> pa.RecordBatch:
    """Return the analyses of the posts of one batch, in their order, with their ids as they are.

    Args:
        analyst: what to say of them.
        batch: one post a row, with columns as a post has keys; only `text` is needed.
        first: place of the batch's first row in the whole input.

    Raises:
        PostDataError: a column is missing or has a type that no post has.
    """
    errors = _errors(batch)
    valid = np.array([not error for error in errors], dtype=np.bool_)
    columns = _columns(batch if valid.all() else batch.filter(pa.array(valid)))
    n = len(batch)
    values = np.zeros((n, len(FEATURE_NAMES)), dtype=np.float32)
    read = analyst.read(columns)
    values[valid] = read.values
    result: dict[str, Any] = {
        "row": pa.array(np.arange(first, first + n)),
        "id": batch.column("id") if "id" in batch.schema.names else pa.nulls(n),
        "error": errors,
        "features": _lists(values, valid),
    }
    if analyst.predictor is not None:
        predicted = analyst.predictor.predict_columns(columns, read)
        for name in _NUMBERS:
            result[name] = _scattered(getattr(predicted, name), valid)
    if analyst.ranker is not None:
        result["score"] = _scattered(np.array(analyst.ranker.score_many(columns.texts), dtype=np.float64), valid)
    if analyst.scorer is not None or analyst.suggests:
        # The report's axis of response needs the whole prediction, not its figures only.
        predictions: Sequence[Prediction | None] = [None] * len(columns)
        if analyst.predictor is not None and analyst.scorer is not None:
            predictions = analyst.predictor.predict_many(columns, read)
        result |= _judgements(analyst, columns, predictions, valid, errors)
    result["error"] = pa.array(errors, pa.string())
    return pa.RecordBatch.from_pydict(result)


def _judgements(
    analyst: Analyst,
    columns: Columns,
    predictions: Sequence[Prediction | None],
    valid: NDArray[np.bool_],
    errors: list[str],
) -> dict[str, Any]:
    """Return what is said of each post by itself, and write into `errors` what went wrong."""
    reports: list[QualityReport | None] = [None] * len(errors)
    suggestions: list[tuple[Suggestion, ...] | None] = [None] * len(errors)
    for place, row in enumerate(np.flatnonzero(valid).tolist()):
        text, language = columns.texts[place], columns.languages[place]
        post = {"id": row, "text": text, "language": language or None}
        reports[row], suggestions[row], errors[row] = analyst.judge(post, language, predictions[place])
    judged: dict[str, Any] = {}
    if analyst.scorer is not None:
        judged["fit"] = pa.array([None if report is None else report.fit for report in reports], pa.bool_())
        found = [None if report is None else [_found(finding) for finding in report.findings] for report in reports]
        judged["findings"] = pa.array(found, pa.list_(_FINDING))
        judged["axes"] = pa.array([None if report is None else _axes(report) for report in reports], pa.list_(_AXIS))
    if analyst.suggests:
        rows = [None if several is None else [_suggested(one) for one in several] for several in suggestions]
        judged["suggestions"] = pa.array(rows, pa.list_(_SUGGESTION))
    return judged


def _axes(report: QualityReport) -> list[Mapping[str, object]]:
    return [{"axis": name, "value": axis.value} for name, axis in report.axes.items()]


def _found(finding: Finding) -> Mapping[str, object]:
    start, end = finding.span or (None, None)
    return {"rule": finding.rule, "axis": finding.axis, "hard": finding.hard, "start": start, "end": end}


def _suggested(found: Suggestion) -> Mapping[str, object]:
    return {
        "edit": found.edit,
        "text": found.text,
        "advice": found.advice,
        "kind": found.evidence.kind,
        "outcome": found.evidence.outcome,
        "rewritten": found.rewritten,
        "lift": found.lift,
        "low": found.interval.low,
        "high": found.interval.high,
    }


def _batches(table: Any, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield a table's batches; of one without rows an empty batch, which has the schema."""
    if hasattr(table, "__arrow_c_stream__"):
        reader = pa.RecordBatchReader.from_stream(table)
        cut = chain.from_iterable(_cut(batch, batch_rows) for batch in reader)
        first = next(cut, None)
        yield pa.RecordBatch.from_pylist([], reader.schema) if first is None else first
        yield from cut
    elif hasattr(table, "__arrow_c_array__"):
        yield from _cut(pa.record_batch(table), batch_rows)
    else:
        for batch in table:
            yield from _cut(pa.record_batch(batch), batch_rows)


def _cut(batch: pa.RecordBatch, batch_rows: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, max(len(batch), 1), batch_rows):
        yield batch.slice(start, batch_rows)


def _errors(batch: pa.RecordBatch) -> list[str]:
    """Return why each post cannot be read, or "".

    Raises:
        PostDataError: there is no column of texts.
    """
    names = batch.schema.names
    if "text" not in names:
        raise PostDataError(f"the table has no column text; there are {', '.join(names) or 'none'}")
    if twice := [name for name in (*_COLUMNS, *COUNTS) if names.count(name) > 1]:
        raise PostDataError(f"the table has the column {twice[0]} {names.count(twice[0])} times")
    errors = [
        "" if known else "text is null; a text is needed" for known in batch.column("text").is_valid().to_pylist()
    ]
    counted = [name for name in COUNTS if name in batch.schema.names]
    if counted:
        for row, post in enumerate(batch.select(["text", *counted]).to_pylist()):
            try:
                check_counts(post, "the post")
            except PostDataError as error:
                errors[row] = errors[row] or str(error)
    return errors


def _columns(kept: pa.RecordBatch) -> Columns:
    """Return the posts of a batch that can be read."""
    texts, titles, pages, types, languages = (_texts(kept, name) for name in _TEXTS)
    kinds = {kind: kind.lower() for kind in set(types)}
    tags = {tag: primary(tag) for tag in set(languages)}
    published, hours, weekdays = _stamps(kept)
    return Columns(
        list(range(len(kept))), texts, titles, pages, [kinds[kind] for kind in types],
        [tags[tag] for tag in languages], published, hours, weekdays, np.full(len(kept), np.nan),
    )  # fmt: skip


def _texts(batch: pa.RecordBatch, name: str) -> list[str]:
    if name not in batch.schema.names or pa.types.is_null(batch.schema.field(name).type):
        return [""] * len(batch)
    column = batch.column(name)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if name == "page" and pa.types.is_integer(column.type):
        column = column.cast(pa.string())
    if pa.types.is_floating(column.type) and pc.all(pc.is_null(column, nan_is_null=True)).as_py():
        return [""] * len(batch)  # what a DataFrame holds where nothing is known
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or _is_view(column.type)):
        raise PostDataError(f"the column {name} is of type {column.type}; texts are needed")
    return [text or "" for text in column.to_pylist()] if column.null_count else list(column.to_pylist())


def _is_view(type_: pa.DataType) -> bool:
    return bool(getattr(pa.types, "is_string_view", lambda _: False)(type_))


def _stamps(batch: pa.RecordBatch) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return seconds since the epoch, hour and weekday by the column's own zone; NaN and -1 where there is none."""
    nothing = np.full(len(batch), -1, dtype=np.int64)
    if "published" not in batch.schema.names or pa.types.is_null(batch.schema.field("published").type):
        return np.full(len(batch), np.nan), nothing, nothing
    column = batch.column("published")
    if not pa.types.is_timestamp(column.type) or column.type.tz is None:
        raise PostDataError(f"the column published is of type {column.type}; timestamps with a zone are needed")
    known = np.asarray(column.is_valid())
    micros = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64()).fill_null(0).to_numpy()
    local = pc.local_timestamp(column)
    hours, weekdays = (_ints(function(local)) for function in (pc.hour, pc.day_of_week))
    return np.where(known, micros / 1e6, np.nan), np.where(known, hours, -1), np.where(known, weekdays, -1)


def _ints(column: pa.Array) -> NDArray[np.int64]:
    return np.asarray(column.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _scattered(values: NDArray[np.float64], valid: NDArray[np.bool_]) -> pa.Array:
    """Return one value a row, null where nothing was predicted."""
    whole = np.full(len(valid), np.nan)
    whole[valid] = values
    return pa.array(whole, mask=~valid)


def _lists(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> pa.Array:
    """Return a list of fixed size a row, null where there is no text."""
    flat = pa.array(values.reshape(-1))
    if valid.all():
        return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1], mask=pa.array(~valid))
