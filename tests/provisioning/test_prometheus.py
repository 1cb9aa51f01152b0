"""The Prometheus configurations for a checkout and for those who have a Prometheus already."""

import subprocess
from pathlib import Path

import pytest
import requests
import yaml

from support.alerting import ROOT, alert_names, rules
from support.servers import prometheus, until

pytestmark = pytest.mark.servers
FOLDER = ROOT / "provisioning" / "prometheus"


def test_a_checkout_runs_as_it_is_with_all_rules_and_serves_the_runbooks(tmp_path: Path) -> None:
    flags = [f"--web.user-assets={ROOT / 'alerting'}"]
    with prometheus(tmp_path, FOLDER / "prometheus.yml", flags=flags) as server:
        groups = server.get("/api/v1/rules")["data"]["groups"]
        assert len(rules()) == sum(len(g["rules"]) for g in groups)
        targets = until(lambda: server.get("/api/v1/targets")["data"]["activeTargets"])
        urls = [t["scrapeUrl"] for t in targets if t["labels"]["job"] == "drift-exporter"]
        assert urls == ["http://127.0.0.1:10101/metrics"]
        for name in alert_names():
            page = requests.get(f"{server.url}/user/runbooks/{name}.md", timeout=5)
            assert page.status_code == 200
            assert page.text.startswith(f"# {name}\n")


def test_the_scrape_configuration_can_be_added_to_another_one(tmp_path: Path) -> None:
    own = yaml.safe_load((FOLDER / "scrape-drift-exporter.yml").read_text(encoding="utf-8"))
    assert {*own} == {"scrape_configs"}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({"global": {"scrape_interval": "1m"}, **own}))
    command = ["promtool", "check", "config", str(tmp_path / "prometheus.yml")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus.compose.yml", "scrape-drift-exporter.yml"])
def test_the_scrape_interval_is_the_one_that_the_rules_are_tuned_to(name: str) -> None:
    config = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    (job,) = [j for j in config["scrape_configs"] if j["job_name"] == "drift-exporter"]
    assert job.get("scrape_interval", config.get("global", {}).get("scrape_interval")) == "15s"
