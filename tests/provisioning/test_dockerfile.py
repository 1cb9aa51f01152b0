"""The Dockerfile's essentials; there is no container engine in the tests."""

import json
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch

from support.alerting import ROOT
from support.servers import StaticTarget, free_port


def instructions() -> list[tuple[str, str]]:
    """Instructions in order, as (name, arguments), continuation lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def arguments(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def test_it_builds_in_one_stage_and_runs_in_another_of_the_same_pinned_image() -> None:
    images = [line.split()[0] for line in arguments("FROM")]
    assert len(images) == 2
    assert len({*images}) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", images[0])
    names = [name for name, _ in instructions()]
    final = instructions()[len(names) - names[::-1].index("FROM") :]
    assert [rest for name, rest in final if name == "COPY"] == [
        "--from=build /opt/drift-exporter /opt/drift-exporter"
    ]
    assert [rest for name, rest in final if name == "RUN" and "pip" in rest] == []


def test_the_extras_that_it_installs_are_those_of_the_package() -> None:
    (extras,) = (line.removeprefix("EXTRAS=") for line in arguments("ARG"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set() == set(extras.split(",")) - project["optional-dependencies"].keys()
    assert any('".[${EXTRAS}]"' in line for line in arguments("RUN"))


def test_what_is_copied_is_in_the_checkout_and_not_ignored() -> None:
    sources = [s for line in arguments("COPY") if not line.startswith("--from") for s in line.split()[:-1]]
    assert sources
    assert [s for s in sources if not (ROOT / s).exists()] == []
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    for source in sources:
        verdict = [not p.startswith("!") for p in patterns if fnmatch(source, p.removeprefix("!"))]
        assert verdict[-1:] == [False], f"{source} is left out by .dockerignore"
    for secret in (".git", ".env", ".venv", "secrets"):
        verdict = [not p.startswith("!") for p in patterns if fnmatch(secret, p.removeprefix("!"))]
        assert verdict[-1:] == [True], f"{secret} would be sent to the builder"


def test_it_runs_as_a_fixed_user_that_is_not_root_and_owns_the_state() -> None:
    (user,) = arguments("USER")
    uid, gid = user.split(":")
    assert int(uid) > 0
    assert int(gid) > 0
    (state,) = arguments("VOLUME")
    created = " ".join(arguments("RUN"))
    assert re.search(rf"--owner={uid} --group={gid} --mode=0750 {state}\b", created)


def test_the_health_check_tells_healthy_from_unhealthy_and_from_nothing_there() -> None:
    (check,) = arguments("HEALTHCHECK")
    program, flag, code = json.loads(check.split("CMD", 1)[1])
    assert (program, flag) == ("python", "-c")
    assert "http://127.0.0.1:10101/-/healthy" in code

    def status(address: str) -> int:
        own = code.replace("127.0.0.1:10101", address)
        return subprocess.run(
            [sys.executable, flag, own], capture_output=True, check=False, timeout=30
        ).returncode

    with StaticTarget("ok") as target:
        assert status(target.address) == 0
        target.up = False
        assert status(target.address) == 1
    assert status(f"127.0.0.1:{free_port()}") == 1


def test_the_command_is_one_that_the_program_understands() -> None:
    (entry,) = arguments("ENTRYPOINT")
    (command,) = arguments("CMD")
    assert json.loads(entry) == ["drift-exporter"]
    words = json.loads(command)
    assert words == ["serve", "--config", "/etc/drift-exporter/config.yml", "--web.listen-address", ":10101"]
    (port,) = arguments("EXPOSE")
    assert words[-1] == f":{port}"
    code = "import sys; from drift_exporter.cli import main; sys.exit(main())"
    missing = [w.replace("/etc/drift-exporter", "/nonexistent") for w in words]
    result = subprocess.run(
        [sys.executable, "-c", code, *missing], capture_output=True, text=True, check=False, timeout=60
    )
    # Understood, and refused for the file alone: not for its usage.
    assert result.returncode == 2
    assert "/nonexistent/config.yml" in result.stderr
    assert "usage:" not in result.stderr
