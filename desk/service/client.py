"""A client of a service: its answers as plain values, its problems as errors in sentences.

client = Client("https://desk.example", token)
answer = client.rebalance(payload)
report = client.done("report", client.stored(Path("desk.yaml")))
"""

import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from desk.feeds.transport import named_certificates
from desk.service.settings import LOOPBACK
from foundation.arguments import refuse
from foundation.errors import ConfigError
from foundation.progress import bar
from research.portfolio.file.document import read_document

if TYPE_CHECKING:
    import httpx

TOKEN = "REBALANCE_TOKEN"  # environment variable: an access token
ANSWER_SECONDS = 120.0  # seconds until an answer begins
LOOK_INTERVAL = 0.5  # seconds between looks at a job


class Client:
    """A client of one service, for one thread.

    url    : its address, such as https://desk.example.
    token  : access token; "" for what answers anyone.
    Raises : ConfigError for an address that is none, and for http to another machine, which anyone on the way reads.
    """

    def __init__(self, url: str, token: str = "") -> None:
        import httpx

        parts = urlsplit(url)
        if not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)):
            refuse("the server is", url, "give its address, such as https://desk.example; http is for this machine.")
        named_certificates()  # which httpx reads, too
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=ANSWER_SECONDS)

    def ask(self, method: str, path: str, **sent: Any) -> "httpx.Response":
        """The answer to one request, which is sent once.

        sent   : as `httpx.Client.request` takes it: params, json, files, headers.
        Raises : ConfigError with all that a problem says, and where no answer comes.
        """
        import httpx

        try:
            answer = self.http.request(method, path, **sent)
        except httpx.HTTPError as error:
            raise ConfigError(f"{self.http.base_url} gives no answer: {error}. Is the server running?") from None
        if not answer.is_success:
            raise ConfigError(_problem(answer))
        return answer

    def get(self, path: str, **query: Any) -> Any:
        """The answer to a GET, from JSON."""
        return self.ask("GET", path, params=query).json()

    def post(self, path: str, body: object) -> Any:
        """The answer to a POST of JSON, from JSON."""
        return self.ask("POST", path, json=body).json()

    def rebalance(self, payload: Mapping[str, Any]) -> Any:
        """The answer to a payload."""
        return self.post("/api/rebalance", payload)

    def stored(self, file: Path) -> str:
        """The id of a portfolio file, stored with the files beside it that it names, if it is not there unchanged.

        Raises : ConfigError as `ask`, and for a file that cannot be read.
        """
        content = read_document(file, trust_code=False).tree
        sent: list[Any] = [("portfolio", (file.name, file.read_bytes(), "text/yaml"))]
        sent += [("files", (each.name, each.read_bytes())) for each in sorted(set(_beside(file.parent, content)))]
        name = content.get("name", file.stem)
        known = (each for of in self.get("/api/portfolios", limit=500) for each in of["portfolios"] if each["writes"])
        same = next((each["id"] for each in known if each["name"] == name), "")
        method, path = ("PUT", f"/api/portfolios/{same}") if same else ("POST", "/api/portfolios")
        return str(self.ask(method, path, files=sent, headers={"If-Match": "*"} if same else {}).json()["id"])

    def done(self, kind: str, **asked: Any) -> dict[str, Any]:
        """The record of a job with its `path`, once it has ended; interrupted, it is cancelled.

        kind   : "report", "backtest" or "cycle".
        asked  : body of its request.
        Raises : ConfigError as `ask`, and for a job that failed or was cancelled.
        """
        job = self.post(f"/api/{kind}", asked)
        path = f"/api/jobs/{job['id']}"
        try:
            with bar(None, f"{kind} {job['id']}") as progress:
                while job["state"] in ("queued", "running"):
                    idle = job["waits_for"] or "waits for its turn"
                    progress.stage(job["progress"] or (idle if job["state"] == "queued" else "running"))
                    time.sleep(LOOK_INTERVAL)
                    job = self.get(path)
        except KeyboardInterrupt:
            self.post(f"{path}/cancel", None)
            raise
        if job["state"] != "done":
            said = (job["result"] or {}).get("messages") or job["progress"]
            raise ConfigError(f"the {kind} {job['state']}. {said}".strip())
        return {**job, "path": path}


def _problem(answer: "httpx.Response") -> str:
    """All that a problem says."""
    try:
        problem = answer.json()
        said = [problem["detail"]]
        said += [_mistake(**each) for each in problem.get("errors", [])]
    except (ValueError, KeyError, TypeError):
        return f"{answer.url} answers {answer.status_code} as no workbench does: correct the address of the server."
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        said.append(f"Set the environment variable {TOKEN} to an access token.")
    return "\n".join(said)


def _mistake(field: str, detail: str, value: object, mend: str) -> str:
    return f"{field}: {detail}{'' if value is None else f', found {value!r}'}. {mend}"


def _beside(folder: Path, value: Any) -> Iterator[Path]:
    """The files of a folder that a value of YAML names."""
    if isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _beside(folder, each)
    elif isinstance(value, str) and Path(value).name == value and (path := folder / value).is_file():
        yield path
