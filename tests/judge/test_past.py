import numpy as np
import pytest

from drift_exporter.judge.calibration import design_effect, design_effect_of_blocks, phases_of_day
from drift_exporter.judge.past import calibrate_on_slices
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import IntArray

SLICE = 3 * 3_600_000_000
COLUMNS = (
    numeric_column("x", "feature", np.random.default_rng(1).normal(size=5000)),
    categorical_column("y", "feature", {"a": 6, "b": 3}, 0, 5),
)


def slices(number: int, records: int, seed: int = 2) -> tuple[IntArray, IntArray, IntArray]:
    """Counts of both columns, rows and starts of slices; each record comes five times."""
    random = np.random.default_rng(seed)
    numbers = COLUMNS[0]
    fine = random.multinomial(records, np.append(numbers.fine_counts, 0) / 5000, number) * 5
    categories = random.multinomial(records, [0.6, 0.3, 0.0, 0.1], number) * 5
    counts = np.concatenate([fine, categories], axis=1).astype(np.int64)
    return counts, counts[:, -4:].sum(axis=1), np.arange(number) * SLICE


@pytest.mark.parametrize("together", [1, 4])
def test_slices_in_a_row_are_windows(together: int) -> None:
    counts, rows, starts = slices(56, 100)
    (found,) = calibrate_on_slices(COLUMNS, counts, rows, starts, (SLICE, together * SLICE))
    numbers = COLUMNS[0].export(counts[:, : COLUMNS[0].size])
    windows = numbers.reshape(56 // together, together, -1).sum(axis=1)
    assert (found.length, found.windows, found.blocks) == (together * 10_800.0, 56 // together, False)
    assert found.records == pytest.approx(500.0 * together)
    assert found.design_effects[0] == pytest.approx(design_effect(windows, windows.sum(axis=0)))
    assert 2.5 < found.design_effects[1] < 8


def test_a_gap_makes_no_window() -> None:
    counts, rows, starts = slices(56, 100)
    kept = np.delete(np.arange(56), [5, 30])
    (found,) = calibrate_on_slices(COLUMNS, counts[kept], rows[kept], starts[kept], (SLICE, 4 * SLICE))
    assert 12 == found.windows


def test_long_windows_are_put_together() -> None:
    counts, rows, starts = slices(56, 100)
    (found,) = calibrate_on_slices(COLUMNS, counts, rows, starts, (SLICE, 56 * SLICE))
    numbers = COLUMNS[0].export(counts[:, : COLUMNS[0].size])
    assert found.blocks
    assert found.records == pytest.approx(56 * 500.0)
    phases = phases_of_day(starts, SLICE)
    expected = design_effect_of_blocks(numbers, numbers.sum(axis=0), 56, phases=phases)
    assert found.design_effects[0] == pytest.approx(expected)


def test_a_short_window_is_taken_for_a_slice() -> None:
    counts, rows, starts = slices(56, 100)
    shorter = calibrate_on_slices(COLUMNS, counts, rows, starts, (SLICE, SLICE // 3))
    assert 10_800.0 == shorter[0].length


@pytest.mark.parametrize(("number", "records"), [(7, 100), (56, 5), (0, 100)])
def test_too_little_says_nothing(number: int, records: int) -> None:
    counts, rows, starts = slices(max(number, 1), records)
    few = slice(0, number)
    assert () == calibrate_on_slices(COLUMNS, counts[few], rows[few], starts[few], (SLICE, SLICE))
