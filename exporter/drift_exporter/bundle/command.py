"""Options of the verb ``bundle``. Only argparse is imported, so that --help answers at once."""

import argparse
from pathlib import Path

OK, DIFFERENT = 0, 3


def add_bundle(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "bundle",
        help="write dashboards, rules, routing and provisioning for a configuration, as files to commit",
        epilog="Exit status: 0 fine, 1 an error, 2 wrong usage or configuration, 3 a file that was edited by "
        "hand has a newer version, or with --check a file would be written.",
    )
    parser.add_argument("--config", required=True, type=Path, metavar="FILE")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="the folder to write to")
    for name, what in (
        ("grafana", "dashboards are"),
        ("exporter", "the exporter's report pages are"),
        ("runbooks", "<Alert>.md of alerting/runbooks are served"),
        ("prometheus", "Grafana finds Prometheus"),
        ("alertmanager", "Grafana finds Alertmanager"),
    ):
        parser.add_argument(
            f"--{name}-url", dest=name, metavar="URL", help=f"where {what}; by default as last time"
        )
    parser.add_argument(
        "--scrape-target",
        dest="targets",
        action="append",
        metavar="HOST:PORT",
        help="an exporter that Prometheus scrapes, once for each; by default that of --exporter-url",
    )
    parser.add_argument("--force", action="store_true", help="overwrite also what was edited by hand")
    parser.add_argument("--check", action="store_true", help="write nothing; status 3 if anything would be")
    parser.add_argument("--push", action="store_true", help="then import the dashboards into Grafana")
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="token of a service account of Grafana"
    )
    parser.add_argument("--folder", metavar="TITLE", help="Grafana's folder for them; default Models")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace dashboards that are different in Grafana"
    )
    parser.add_argument("--ca-file", type=Path, metavar="FILE", help="certificates to trust Grafana by")
    parser.set_defaults(run=run_bundle, parser=parser)


def run_bundle(options: argparse.Namespace) -> int:
    """Run the verb; returns the exit status."""
    _check_usage(options)
    from drift_exporter.bundle.addresses import addresses_of  # noqa: PLC0415
    from drift_exporter.bundle.run import bundle, show  # noqa: PLC0415

    made = bundle(
        options.config, options.output, addresses_of(vars(options)), force=options.force, check=options.check
    )
    show(made)
    if options.push:
        from drift_exporter.bundle.grafana import Grafana, import_dashboards  # noqa: PLC0415

        with Grafana(made.addresses.links["grafana"], options.token_file, options.ca_file) as grafana:
            import_dashboards(
                grafana, options.output, options.folder or "Models", overwrite=options.overwrite
            )
    return DIFFERENT if made.behind or (options.check and made.differs) else OK


def _check_usage(options: argparse.Namespace) -> None:
    if options.push and options.token_file is None:
        options.parser.error("--push needs --token-file")
    if options.push and options.check:
        options.parser.error("--check writes nothing, and so does not go with --push")
    for name in ("token_file", "folder", "ca_file", "overwrite"):
        if getattr(options, name) and not options.push:
            options.parser.error(f"--{name.replace('_', '-')} goes with --push")
