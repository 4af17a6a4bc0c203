"""The files that bring the service elsewhere: their form by the tools of their fields, and their promises."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path

import httpx
import pytest
import yaml

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
MANIFESTS = sorted((ROOT / "deployment" / "k8s").glob("*.yaml"))
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
GITLAB = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", ".gitlab-ci.yml")
SECRETS = ("POSTGRES_PASSWORD", "REDIS_PASSWORD")


@pytest.mark.parametrize(
    "command",
    [
        ["kubernetes-validate", "--strict", "--no-warn", *map(str, MANIFESTS)],
        ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"],
        [
            "check-jsonschema",
            "--builtin-schema",
            "vendor.github-workflows",
            *map(str, ROOT.glob(".github/workflows/*")),
        ],
        # A variable is an address here; `uri` asks for a written one.
        ["check-jsonschema", "--disable-formats", "uri", *GITLAB],
    ],
    ids=["kubernetes", "compose", "github", "gitlab"],
)
def test_the_linter_of_its_field_has_no_objection(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, which has imported already what a linter needs."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", command)
    (linter,) = entry_points(group="console_scripts", name=command[0])
    with pytest.raises(SystemExit) as ended:
        sys.exit(linter.load()())
    assert not ended.value.code, "".join(capsys.readouterr())


def test_the_linter_of_images_has_no_objection() -> None:
    done = subprocess.run([BIN / "hadolint", "--no-color", "Dockerfile"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_publishes_one_port_and_keeps_the_databases_inside() -> None:
    services = COMPOSE["services"]
    assert [(name, len(each["ports"])) for name, each in services.items() if "ports" in each] == [("web", 1)]
    assert services["postgres"]["networks"] == services["redis"]["networks"] == ["inner"]
    assert COMPOSE["networks"]["inner"] == {"internal": True}
    assert services["worker"]["deploy"]["replicas"] == 2


@pytest.mark.parametrize("secret", SECRETS)
def test_compose_refuses_to_render_without_a_password(secret: str) -> None:
    uses = re.findall(rf"\$\{{{secret}([^}}]*)\}}", (ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert len(uses) >= 2
    assert all(each.startswith(":?") for each in uses)


def test_databases_ask_for_their_passwords() -> None:
    postgres, redis = COMPOSE["services"]["postgres"], COMPOSE["services"]["redis"]
    assert "trust" not in str(postgres["environment"])
    assert "POSTGRES_PASSWORD" in postgres["environment"]
    assert redis["command"][1] == "--requirepass"


def test_no_shipped_file_holds_a_secret() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert all(re.search(rf"^{name}=$", example, re.MULTILINE) for name in SECRETS)
    documents = [each for path in MANIFESTS for each in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    assert "Secret" not in {each["kind"] for each in documents}


def test_each_pod_runs_as_no_root_without_privileges_within_limits() -> None:
    pods = [
        each["spec"]["template"]["spec"]
        for path in MANIFESTS
        for each in yaml.safe_load_all(path.read_text(encoding="utf-8"))
        if each["kind"] in ("Deployment", "Job")
    ]
    assert len(pods) == 3
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        for container in (*pod["containers"], *pod.get("initContainers", ())):
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert not container["securityContext"]["allowPrivilegeEscalation"]
            assert set(container["resources"]["limits"]) == {"cpu", "memory"}


def test_what_a_user_without_write_access_writes_lies_in_volumes() -> None:
    """Kernels of another processor, prices and all else: the image's own folder is read-only where it is deployed."""
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    stated = dict(re.findall(r"(XDG_CACHE_HOME|REBALANCE_HOME|REBALANCE_DATA)=(\S+)", image))
    assert sorted(stated) == ["REBALANCE_DATA", "REBALANCE_HOME", "XDG_CACHE_HOME"]
    (made,) = re.findall(r"install -d -o rebalance -g rebalance -m 0700 (.*) *\\?", image)
    places = [stated["REBALANCE_HOME"], stated["XDG_CACHE_HOME"]]  # outside the checkout, or kernels are kept in it
    assert made.split() == places
    assert stated["REBALANCE_DATA"].startswith(places[0])
    mounted = [each.partition(":")[2] for each in COMPOSE["services"]["web"]["volumes"]]
    assert mounted == places
    for path in MANIFESTS:
        for each in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if each["kind"] == "Deployment":
                (container,) = each["spec"]["template"]["spec"]["containers"]
                assert [one["mountPath"] for one in container["volumeMounts"]] == [*places, "/tmp"]


def started(
    home: Path, variables: Mapping[str, str] | None = None, **changes: str
) -> "tuple[subprocess.Popen[bytes], int]":
    """The server of the Procfile with changes in its line, without HOST but with other variables, and its port."""
    (line,) = re.findall(r"^web: (.*)$", (ROOT / "Procfile").read_text(encoding="utf-8"), re.MULTILINE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for old, new in {"$PORT": str(port), **changes}.items():
        line = line.replace(old, new)
    command = line.split()
    environment = {name: value for name, value in os.environ.items() if name != "HOST"}
    environment |= {"PORT": str(port), "REBALANCE_HOME": str(home), **(variables or {})}
    return subprocess.Popen([BIN / command[0], *command[1:]], cwd=ROOT, env=environment, stderr=subprocess.PIPE), port


def test_gunicorn_answers_as_the_procfile_starts_it(tmp_path: Path) -> None:
    """`gunicorn.conf.py` names the class of workers, without which every answer is a 500, and adds up their figures."""
    server, port = started(tmp_path, **{"0.0.0.0": "127.0.0.1"})
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=10), base_url=f"http://127.0.0.1:{port}") as client:
            answer = client.get("/api/health", timeout=60)
            client.get("/metrics", timeout=60)  # of the same worker, which counts an answer once it is sent
        figures = [httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60).text for _ in range(6)]  # of any worker
    finally:
        server.terminate()
        _, said = server.communicate(timeout=60)
    assert answer.status_code == 200, said
    assert answer.json()["status"] == "ok"
    counted = 'rebalance_requests_total{method="GET",route="/api/health",status="200"} 1.0'
    assert [counted in each for each in figures] == [True] * 6
    logged = [json.loads(line) for line in said.decode().splitlines() if line.startswith("{")]
    assert {each["route"] for each in logged} == {"/api/health", "/metrics"}


def test_one_variable_shows_the_demo_to_a_network(tmp_path: Path) -> None:
    """On 0.0.0.0 without an admin, TLS or a PUBLIC_URL, and called by a name that nobody stated."""
    server, port = started(tmp_path, {"OPEN": "1"}, **{"--workers 2": "--workers 1"})
    any_name = {"Host": f"demo.example:{port}"}
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=10), base_url=f"http://127.0.0.1:{port}") as client:
            led = client.get("/", headers=any_name, timeout=60)
            found = {path: client.get(path, headers=any_name, timeout=60) for path in ("/demo", "/demo/compare")}
            refused = client.get("/sign-in", headers=any_name, timeout=60).status_code
            asked = client.get(
                "/demo/compare/found?A.SPY=60&A.AGG=40", headers=any_name | {"X-Requested-With": "test"}, timeout=120
            )
    finally:
        server.terminate()
        _, said = server.communicate(timeout=60)
    assert (led.status_code, led.headers["location"], refused) == (303, "/demo", 404), said
    assert [each.status_code for each in (*found.values(), asked)] == [200] * 3, said
    assert "A without trades is expected to lose" in asked.text


def test_gunicorn_refuses_a_network_as_serve_does(tmp_path: Path) -> None:
    """What it listens on decides, though HOST is not stated."""
    one = {"--workers 2": "--workers 1"}  # where a second one fails as gunicorn stops, its status is another
    server, _ = started(tmp_path, **one)
    try:
        _, said = server.communicate(timeout=60)
    finally:
        server.kill()
    assert server.returncode == 3
    assert b"no admin can sign in" in said
