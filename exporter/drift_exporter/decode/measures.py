"""What is measured of a column that is no number itself, by the column's type; each is a numeric column.

The column ``prompt`` of type text has the numeric columns ``prompt.length``, ``prompt.unseen_words``...
"""

from collections.abc import Mapping

TEXT_MEASURES = ("length", "unseen_words", "letters", "digits", "white_space", "symbols", "upper_case")
EMBEDDING_MEASURES = ("cosine_distance", "norm", "reconstruction_error")
MEASURES: Mapping[str, tuple[str, ...]] = {"text": TEXT_MEASURES, "embedding": EMBEDDING_MEASURES}


def measure_name(column: str, measure: str) -> str:
    """Name of the numeric column that holds a measure of a column."""
    return f"{column}.{measure}"
