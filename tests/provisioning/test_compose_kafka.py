"""What docker-compose.yml's profile "kafka" reads: the example's records come to the metrics.

The broker is Tansu, which speaks Kafka's protocol; it is not Apache Kafka.
"""

import json
from pathlib import Path

import requests
import yaml

from support import program
from support.alerting import ROOT
from support.kafka import running_tansu
from support.servers import free_port, until

FOLDER = ROOT / "provisioning" / "compose" / "kafka"
RECORD = ROOT / "docs" / "provisioning.md"


def test_the_broker_is_the_one_of_compose() -> None:
    (model,) = yaml.safe_load((FOLDER / "config.yml").read_text(encoding="utf-8"))["models"]
    broker = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["kafka"]
    listeners = broker["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert f"INTERNAL://{model['predictions']['source']['brokers']}" in listeners


def test_records_of_the_topic_are_counted(tmp_path: Path) -> None:
    config = yaml.safe_load((FOLDER / "config.yml").read_text(encoding="utf-8"))
    (model,) = config["models"]
    source = model["predictions"]["source"]
    (record,) = [
        line for line in RECORD.read_text(encoding="utf-8").splitlines() if line.startswith('{"ts":')
    ]
    with running_tansu(tmp_path) as broker:
        broker.create(source["topic"], 3)
        broker.produce(source["topic"], [record.encode()] * 20)
        source["brokers"] = broker.address
        path = tmp_path / "config.yml"
        path.write_text(json.dumps({**config, "state_dir": "state", "evaluation_interval": "200ms"}))
        address = f"127.0.0.1:{free_port()}"
        process = program.start(program.serve(path, address), tmp_path / "log")
        try:
            program.until_listening(address)
            wanted = 'model_predictions_total{model="fraud",version="3"} 20.0'
            until(lambda: wanted in requests.get(f"http://{address}/metrics", timeout=10).text, 60.0)
            text = requests.get(f"http://{address}/metrics", timeout=10).text
        finally:
            process.kill()
            process.wait()
    assert 'model_prediction_latency_seconds_count{model="fraud",version="3"} 20.0' in text
    assert 'drift_exporter_source_rejected_total{reason="malformed",source="fraud/predictions"} 0.0' in text
