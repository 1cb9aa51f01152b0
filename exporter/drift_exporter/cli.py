"""The command line. What a verb needs is imported when it is called, so that --help answers at once."""

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from drift_exporter import __version__
from drift_exporter.bundle.command import add_bundle
from drift_exporter.errors import ConfigurationError, DriftExporterError

if TYPE_CHECKING:
    from drift_exporter.config.schema import Config

OK, FAILED, WRONG_USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit status: 0 fine, 1 an error, 2 wrong usage or configuration."""
    _set_up_process()
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.run is None:
        options.parser.print_help(sys.stderr)
        return WRONG_USAGE
    from drift_exporter.logs import set_up_logs  # noqa: PLC0415  # see above

    set_up_logs(options.log_format, options.log_level)
    try:
        status = int(options.run(options))
        sys.stdout.flush()
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return WRONG_USAGE
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not complain about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (DriftExporterError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130
    return status


def _set_up_process() -> None:
    """Settings that libraries read when they are loaded, unless the environment has them already."""
    # There is hardly any linear algebra here, for which its threads would wait and burn time; nor shall
    # detectors of anomalies take more than one.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    # What DuckDB gives back after one chunk it takes again for the next: getting fresh pages from the system
    # each time costs more than a tenth of the reading.
    os.environ.setdefault("DUCKDB_JE_MALLOC_CONF", "dirty_decay_ms:30000,muzzy_decay_ms:30000")
    # A lot of Kafka's messages is nearly as many objects as Python looks for cycles after. They are gone soon
    # and have none, so everything else was looked at for nothing.
    gc.set_threshold(50_000, 20, 20)


def build_parser() -> argparse.ArgumentParser:
    """All verbs and their options."""
    parser = argparse.ArgumentParser(
        prog="drift-exporter",
        description="Reads prediction logs of machine-learning models and exposes drift, confidence, latency "
        "and errors as Prometheus metrics.",
    )
    parser.add_argument("--version", action="version", version=f"drift-exporter {__version__}")
    parser.add_argument("--log.format", dest="log_format", choices=["logfmt", "json"], default="logfmt")
    parser.add_argument(
        "--log.level", dest="log_level", choices=["debug", "info", "warning", "error"], default="info"
    )
    parser.set_defaults(run=None, parser=parser)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")

    init = verbs.add_parser("init", help="print a commented configuration inferred from a log")
    init.add_argument("--input", nargs="+", required=True, type=Path, metavar="FILE")
    init.set_defaults(run=_init)

    serve = verbs.add_parser("serve", help="read, judge and answer scrapes until told to stop")
    _add_config(serve)
    serve.add_argument(
        "--web.listen-address", dest="listen", default=":10101", metavar="[HOST]:PORT", help="default :10101"
    )
    serve.add_argument(
        "--web.enable-lifecycle", dest="lifecycle", action="store_true", help="allow POST /-/reload"
    )
    serve.add_argument(
        "--web.config.file",
        dest="web",
        type=Path,
        metavar="FILE",
        help="TLS and basic authentication, as other exporters have them",
    )
    _add_shard(serve, "read only the files of the I-th of N shards, such as 1/4")
    serve.set_defaults(run=_serve)

    once = verbs.add_parser("once", help="read all there is, judge as of the last record, print the metrics")
    _add_config(once)
    once.set_defaults(run=_once)

    report = verbs.add_parser(
        "report", help="read all there is of a model, write its report page as one HTML file"
    )
    _add_config(report)
    report.add_argument("--model", required=True, metavar="NAME")
    report.add_argument("--version", metavar="VERSION", help="default: the one with the newest record")
    report.add_argument("--window", metavar="WINDOW", help="such as 24h; default: the shortest with scores")
    report.add_argument("--output", required=True, type=Path, metavar="FILE")
    report.set_defaults(run=_report)

    check = verbs.add_parser("check-config", help="say what is wrong with a configuration")
    check.add_argument("config", type=Path, metavar="FILE")
    check.set_defaults(run=_check)

    reference = verbs.add_parser("reference", help="build or show a reference")
    reference.set_defaults(parser=reference)
    actions = reference.add_subparsers(title="actions", metavar="ACTION")
    build = actions.add_parser("build", help="build a model's reference from known good records")
    _add_config(build)
    build.add_argument("--model", required=True, metavar="NAME")
    build.add_argument("--input", nargs="+", required=True, type=Path, metavar="FILE")
    build.add_argument("--output", required=True, type=Path, metavar="FILE")
    build.add_argument(
        "--labels",
        nargs="+",
        default=(),
        type=Path,
        metavar="FILE",
        help="labels to join by id, labels.fields",
    )
    build.add_argument("--seed", type=int, default=0, help="of the sample that is kept; default 0")
    build.set_defaults(run=_reference_build)
    show = actions.add_parser("show", help="print a reference as a table")
    show.add_argument("file", type=Path, metavar="FILE")
    show.add_argument("--ascii", action="store_true", help="no block characters")
    show.set_defaults(run=_reference_show)

    add_bundle(verbs)

    state = verbs.add_parser("state", help="look at what is saved, verify it, or begin anew")
    state.set_defaults(parser=state)
    _add_state_actions(state.add_subparsers(title="actions", metavar="ACTION"))
    return parser


def _add_state_actions(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    check = actions.add_parser("check", help="verify all that is saved")
    check.set_defaults(run=_state_check)
    show = actions.add_parser("show", help="print what is saved as a table")
    show.add_argument("--json", action="store_true", help="print it as JSON")
    show.set_defaults(run=_state_show)
    reset = actions.add_parser("reset", help="begin anew; what there was stays beside the state")
    what = reset.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", metavar="NAME", help="forget this model")
    what.add_argument("--all", action="store_true", help="move the whole state aside, also a damaged one")
    reset.add_argument(
        "--keep-positions", action="store_true", help="with --model: do not read its logs again"
    )
    reset.set_defaults(run=_state_reset)
    for action in (check, show, reset):
        where = action.add_mutually_exclusive_group(required=True)
        where.add_argument("--config", type=Path, metavar="FILE", help="whose state_dir holds the state")
        where.add_argument("--state-dir", type=Path, metavar="FOLDER", help="instead of a configuration")
        _add_shard(action, "with --config: the state of the I-th of N shards")
        action.set_defaults(parser=action)


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", required=True, type=Path, metavar="FILE")


def _add_shard(parser: argparse.ArgumentParser, meaning: str) -> None:
    parser.add_argument("--shard", type=_shard, metavar="I/N", help=meaning)


def _shard(text: str) -> tuple[int, int]:
    """Index, from 0, and count."""
    number, separator, count = text.partition("/")
    if not (separator and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not the number of a shard and how many there are, such as 1/4 to 4/4"
        )
    return int(number) - 1, int(count)


def _init(options: argparse.Namespace) -> int:
    from drift_exporter.config.infer import infer_config  # noqa: PLC0415

    sys.stdout.write(infer_config(options.input))
    return OK


def _serve(options: argparse.Namespace) -> int:
    from drift_exporter.serve import serve  # noqa: PLC0415

    host, separator, port = options.listen.rpartition(":")
    if not separator or not port.isdecimal() or int(port) > 65535:
        raise ConfigurationError(f"--web.listen-address {options.listen!r}: not [HOST]:PORT, such as :10101")
    everywhere = "0.0.0.0"  # noqa: S104  # what a scrape needs, and what other exporters do
    return serve(
        options.config,
        host.strip("[]") or everywhere,
        int(port),
        lifecycle=options.lifecycle,
        shard=options.shard,
        web=options.web,
    )


def _once(options: argparse.Namespace) -> int:
    from drift_exporter.once import run_once  # noqa: PLC0415

    metrics, problems = run_once(options.config)
    sys.stdout.buffer.write(metrics)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return FAILED if problems else OK


def _report(options: argparse.Namespace) -> int:
    from drift_exporter.once import run_report  # noqa: PLC0415

    problems = run_report(
        options.config, options.model, options.output, version=options.version, window=options.window
    )
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return FAILED if problems else OK


def _check(options: argparse.Namespace) -> int:
    from drift_exporter.config.check import check_config  # noqa: PLC0415

    checked = check_config(options.config)
    for warning in checked.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if checked.problems:
        raise ConfigurationError("\n".join(checked.problems))

    from drift_exporter.setting_up import make_model  # noqa: PLC0415  # only now are the references needed

    for model in checked.config.models:
        make_model(model, checked.config).close()
    print(f"{options.config}: fine")
    return OK


def _reference_build(options: argparse.Namespace) -> int:
    from tqdm import tqdm  # noqa: PLC0415

    from drift_exporter.config import load_config  # noqa: PLC0415
    from drift_exporter.reference.build import build_reference  # noqa: PLC0415

    config = load_config(options.config)
    with tqdm(unit="B", unit_scale=True, unit_divisor=1024, disable=None, leave=False) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        reference = build_reference(
            config,
            options.model,
            options.input,
            output=options.output,
            labels=options.labels,
            seed=options.seed,
            progress=progress,
        )
    for note in reference.notes:
        print(f"note: {note}", file=sys.stderr)
    print(f"{options.output}: {reference.rows} rows, {len(reference.columns)} columns", file=sys.stderr)
    return OK


def _reference_show(options: argparse.Namespace) -> int:
    from drift_exporter.reference.show import show_reference  # noqa: PLC0415
    from drift_exporter.reference.store import load_reference  # noqa: PLC0415

    print(show_reference(load_reference(options.file), ascii_only=options.ascii))
    return OK


def _state_folder(options: argparse.Namespace) -> "tuple[Path, Config | None]":
    if options.config is None:
        if options.shard is not None:
            options.parser.error("--shard goes with --config; --state-dir names the shard's own folder")
        return options.state_dir, None
    from drift_exporter.config import load_config  # noqa: PLC0415

    config = load_config(options.config)
    if options.shard is not None:
        from drift_exporter.serve import config_of_shard  # noqa: PLC0415

        config = config_of_shard(config, options.shard)
    return config.state_dir, config


def _state_check(options: argparse.Namespace) -> int:
    from drift_exporter.state.check import check_state  # noqa: PLC0415
    from drift_exporter.state.references import layouts_in_use  # noqa: PLC0415

    folder, config = _state_folder(options)
    findings = check_state(folder, None if config is None else layouts_in_use(config))
    for note in findings.notes:
        print(f"note: {note}", file=sys.stderr)
    for problem in findings.problems:
        print(f"error: {problem}", file=sys.stderr)
    if findings.problems:
        return FAILED
    print(findings.summary)
    return OK


def _state_show(options: argparse.Namespace) -> int:
    from drift_exporter.state.references import fingerprints_in_use  # noqa: PLC0415
    from drift_exporter.state.show import show_state, state_json  # noqa: PLC0415
    from drift_exporter.state.summary import summarize  # noqa: PLC0415

    folder, config = _state_folder(options)
    in_use = None if config is None else fingerprints_in_use(config)
    print((state_json if options.json else show_state)(summarize(folder), in_use))
    return OK


def _state_reset(options: argparse.Namespace) -> int:
    if options.all and options.keep_positions:
        options.parser.error("--keep-positions goes with --model, not with --all")
    from drift_exporter.state.reset import reset_state  # noqa: PLC0415

    folder, _ = _state_folder(options)
    print(reset_state(folder, options.model, keep_positions=options.keep_positions))
    return OK


if __name__ == "__main__":
    sys.exit(main())
