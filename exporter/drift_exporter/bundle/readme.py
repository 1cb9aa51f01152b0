"""The three steps that make use of the files."""

from collections.abc import Sequence

from drift_exporter.bundle.addresses import Addresses
from drift_exporter.bundle.overlay import FOLDER, LOGS, Overlay
from drift_exporter.bundle.routing import slugs
from drift_exporter.config import Config

SEVERITIES = {"high": "page or ticket", "low": "ticket or info"}


def readme(
    config: Config, addresses: Addresses, overlay: Overlay, teams: Sequence[str], keys: Sequence[str]
) -> str:
    """Text of README.md; ``keys`` are the files that Alertmanager reads secrets from."""
    models = "".join(
        f"| {m.name} | {m.team or 'nobody'} | {m.impact} | {SEVERITIES[m.impact]} |\n" for m in config.models
    )
    channels = "".join(
        f"- {team}: `#{slug}-pages`, `#{slug}-tickets`\n" for team, slug in slugs(teams).items()
    )
    links = addresses.links
    return f"""# Monitoring of models

Written by `drift-exporter bundle`. Commit it, edit it, run the same command again after an update: it prints
the differences, and what was edited by hand stays as it is (`.bundle.json` knows what was written). What is
yours to set is marked `EDIT`:

```sh
grep -rn 'EDIT:' .
```

| model | team | impact | its alerts are |
|---|---|---|---|
{models}
Links in notifications lead to {links["grafana"]} (dashboards), {links["exporter"]} (report pages) and
{links["runbooks"]} (runbooks).

## 1. Rules and scraping

**A Prometheus of your own.** Copy these to where its configuration is, name them there, check, and reload:

```sh
mkdir -p "$PROMETHEUS/rules" "$PROMETHEUS/assets"
cp alerting/rules/*.yml "$PROMETHEUS/rules/"
cp -r alerting/runbooks "$PROMETHEUS/assets/"
cp provisioning/prometheus/scrape-drift-exporter.yml "$PROMETHEUS/"
```

```yaml
rule_files:
  - rules/*.yml
scrape_config_files:
  - scrape-drift-exporter.yml
```

```sh
promtool check config "$PROMETHEUS/prometheus.yml"
```

Before Prometheus 2.43 copy the job into `scrape_configs` instead of naming its file.
With `--web.user-assets="$PROMETHEUS/assets"` Prometheus serves the runbooks under `/user/runbooks`.

**Kubernetes with the Prometheus Operator.** The exporter, then rules, routing and dashboards:

{_needs(overlay)}
```sh
kubectl apply -f provisioning/kubernetes/base/namespace.yaml
{_secret(overlay)}kubectl apply -k {FOLDER}
kubectl create secret generic drift-exporter-alertmanager --namespace drift-exporter \\
  {_from_files(keys)}
kubectl apply --server-side -k provisioning/kubernetes/monitoring
```

## 2. Routing

Alertmanager reads secrets from files, which `alerting/alertmanager/alertmanager.yml` names.

```sh
cp -r alerting/alertmanager/. "$ALERTMANAGER/"
amtool check-config "$ALERTMANAGER/alertmanager.yml"
```

{_channels(channels)}
## 3. Dashboards

Through Grafana's HTTP API, with a token of a service account that may edit dashboards and folders:

```sh
drift-exporter bundle --config CONFIG --output . --push --grafana-url {links["grafana"]} --token-file TOKEN
```

Or from files:

```sh
cp provisioning/grafana/datasources/*.yml "$GRAFANA/datasources/"
cp provisioning/grafana/dashboards/*.yml "$GRAFANA/dashboards/"
mkdir -p /var/lib/grafana/dashboards/drift-exporter
cp dashboards/json/*.json /var/lib/grafana/dashboards/drift-exporter/
```
"""


def _channels(channels: str) -> str:
    if not channels:
        return "No model has a `team`: all alerts go to the same receivers.\n"
    return f"""Each team has receivers of its own for pages and tickets. Make these channels in Slack:

{channels}
Other alerts, and the weekly digest of all, go to the channels of the other receivers.
"""


def _from_files(names: Sequence[str]) -> str:
    return " ".join(f"--from-file={name}" for name in names)


def _secret(overlay: Overlay) -> str:
    if not overlay.secrets:
        return ""
    command = "kubectl create secret generic drift-exporter --namespace drift-exporter"
    return f"{command} {_from_files(overlay.secrets)}\n"


def _needs(overlay: Overlay) -> str:
    lines = []
    if overlay.logs is not None:
        lines.append(
            f"The claim `prediction-logs` holds what is in `{overlay.logs}` of the configuration; "
            f"pods see it as `{LOGS}`."
        )
    if overlay.kinds & {"http", "objects"}:
        lines.append(
            "What is asked over the network has to be let out, in "
            "`provisioning/kubernetes/base/networkpolicy.yaml`."
        )
    if "kafka" in overlay.kinds:
        lines.append(f"Where your brokers are is in `{FOLDER}/brokers.patch.yaml`.")
    return "".join(f"- {line}\n" for line in lines)
