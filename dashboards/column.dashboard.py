"""Column: one column of one model version, its distribution and drift against its reference."""

from column_panels import distribution_panels, drift_panels, now_panels, quality_panels
from frame import dashboard as framed
from frame import sections, variable
from links import COLUMN_UID, report_page

MODEL = 'model="$model"'
V = f'{MODEL}, version="$version"'
C = f'{V}, column="$column", kind="$kind"'
REFERENCE = "model_column_reference_ratio"

dashboard = framed(
    "column.dashboard.py",
    "Column",
    "One column of one model version: distribution, drift and data quality against its reference.",
    uid=COLUMN_UID,
    model=MODEL,
    variables=[
        variable("model", "Model", f"label_values({REFERENCE}, model)"),
        variable("version", "Version", f"label_values({REFERENCE}{{{MODEL}}}, version)"),
        variable("column", "Column", f"label_values({REFERENCE}{{{V}}}, column)"),
        variable("kind", "Kind", f'label_values({REFERENCE}{{{V}, column="$column"}}, kind)'),
        variable("window", "Window", f"label_values(model_window_samples{{{V}}}, window)"),
    ],
    links=[report_page()],
    has_alerts=False,
    panels=sections(
        ("$column of $model $version, in the last $window", now_panels(C)),
        ("Distribution", distribution_panels(C)),
        ("Drift", drift_panels(C)),
        ("Data quality", quality_panels(C)),
    ),
)
