"""The data sets: rows of a reference period, rows after it that have not drifted, and rows that have.

README.md in ``data`` beside this file and those of the examples name source and licence.
"""

from dataclasses import dataclass
from pathlib import Path

from detection.rows import Rows, categories, read

ROOT = Path(__file__).resolve().parents[2]
OWN = Path(__file__).resolve().parent / "data"
EMPLOYMENT = ROOT / "examples" / "employment" / "data"
CAR_LOAN = ROOT / "examples" / "car_loan" / "data"

DRIFT_FROM = 25_000
"""The row of car_loan's production from which on it drifts."""


@dataclass(frozen=True)
class Dataset:
    """``reference`` and ``steady`` are of one distribution; ``drifted`` is not in the columns ``moved``.

    Columns called ``prediction`` and ``score`` have those roles, all others are features.
    """

    name: str
    task: str
    reference: Rows
    steady: Rows
    drifted: Rows | None = None
    moved: tuple[str, ...] = ()


_EMPLOYMENT_NUMERIC = ("AGEP", "score")
_EMPLOYMENT_CATEGORICAL = (
    *("SCHL", "MAR", "RELP", "DIS", "ESP", "CIT", "MIG", "MIL"),
    *("ANC", "NATIVITY", "DEAR", "DEYE", "DREM", "SEX", "RAC1P", "prediction"),
)


def employment(order: str = "random", without: str = "false") -> Dataset:
    """Census answers of 2015 against those of 2016 to 2018.

    ``order`` is ``random`` within each year, or ``survey``: as the file has them, where members of a
    household are neighbours. Rows for which the SQL condition ``without`` holds are left out.
    """
    by = "year, md5(id || 'order')" if order == "random" else "year, id::BIGINT"
    queries = [
        f"SELECT *, predicted_probability AS score FROM read_parquet('{EMPLOYMENT / name}') "
        f"WHERE NOT ({without}) ORDER BY {by}"
        for name in ("2015.parquet", "2016-2018.parquet")
    ]
    known = categories(" UNION ALL BY NAME ".join(f"({query})" for query in queries), _EMPLOYMENT_CATEGORICAL)
    reference, steady = (read(query, _EMPLOYMENT_NUMERIC, known) for query in queries)
    return Dataset("employment", "binary", reference, steady)


_CAR_LOAN_NUMERIC = ("car_value", "debt_to_income_ratio", "loan_length", "driver_tenure", "score")
_CAR_LOAN_CATEGORICAL = ("salary_range", "repaid_loan_on_prev_car", "size_of_downpayment", "prediction")


def car_loan() -> Dataset:
    """Synthetic loans: 10,000 rows of reference, 25,000 steady ones after it, 25,000 that have drifted."""
    select = (
        "SELECT *, y_pred AS prediction, y_pred_proba AS score FROM read_parquet('{}') ORDER BY timestamp"
    )
    reference, production = (
        select.format(path) for path in (CAR_LOAN / "reference.parquet", OWN / "car_loan.parquet")
    )
    known = categories(f"({reference}) UNION ALL BY NAME ({production})", _CAR_LOAN_CATEGORICAL)
    rows = read(production, _CAR_LOAN_NUMERIC, known)
    return Dataset(
        "car_loan",
        "binary",
        reference=read(reference, _CAR_LOAN_NUMERIC, known),
        steady=rows.take(slice(0, DRIFT_FROM)),
        drifted=rows.take(slice(DRIFT_FROM, None)),
        moved=("car_value", "loan_length", "salary_range", "repaid_loan_on_prev_car", "score"),
    )


PRESSURE_REFERENCE, PRESSURE_FROM = 4_180, 4_200
"""Records before the series' only anomaly, and the first record after it."""


def pressure() -> Dataset:
    """A real blood pressure curve: a beat takes 183 records, and each record resembles the one before it."""
    rows = read(
        f"SELECT value FROM read_parquet('{OWN / 'pressure.parquet'}') ORDER BY timestamp", ["value"], {}
    )
    return Dataset(
        "pressure",
        "regression",
        reference=rows.take(slice(0, PRESSURE_REFERENCE)),
        steady=rows.take(slice(PRESSURE_FROM, None)),
    )
