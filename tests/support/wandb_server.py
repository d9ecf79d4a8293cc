"""A small W&B server in the test's process: it keeps every request, and the resulting state of each run.

It answers what wandb 0.31 asks of it. As with the real one, what arrives at a line of a run's history replaces that
line and all after it, and a run that is opened without resuming begins anew.
"""

import contextlib
import gzip
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "0" * 40


@dataclass
class KnownRun:
    """The server's state of a run."""

    config: dict[str, Any] = field(default_factory=dict)
    group: str | None = None
    job_type: str | None = None
    tags: list[str] = field(default_factory=list)
    sweep: str | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None

    def curve(self, name: str) -> list[tuple[int, Any]]:
        """The values of one figure, each with its number of images."""
        return [(row["images"], row[name]) for row in self.history if name in row]


class WandbServer:
    """The server's state; `requests` holds headers and bodies."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.runs: dict[str, KnownRun] = {}
        self.artifacts: list[dict[str, Any]] = []
        self.is_gone = False
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    @contextlib.contextmanager
    def serving(self) -> Iterator["WandbServer"]:
        """Answer requests until the end of the block."""
        thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.vanish()

    def vanish(self) -> None:
        """Stop answering."""
        self.is_gone = True
        self._http.shutdown()
        self._http.server_close()

    def answer(self, path: str, body: bytes) -> dict[str, Any]:
        if path.endswith("/graphql"):
            asked = json.loads(body)
            name = re.search(r"(?:query|mutation) (\w+)", asked["query"])[1]
            return {"data": self._query(name, asked.get("variables") or {})}
        if path.endswith("/file_stream"):
            self._take(path.split("/")[-2], json.loads(body))
        return {}

    def _query(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        project = {"id": "P", "name": asked.get("project"), "entity": {"id": "E", "name": "somebody"}}
        match name:
            case "Viewer":
                return {"viewer": {"id": "V", "entity": "somebody", "flags": "{}", "teams": {"edges": []}}}
            case "RunResumeStatus":
                return {"model": project | {"bucket": self._bucket(asked["name"])}}
            case "UpsertBucket":
                self._upsert(asked)
                bucket = {"id": "B", "name": asked["name"], "displayName": asked["name"], "historyLineCount": 0}
                return {"upsertBucket": {"bucket": bucket | {"project": project}, "inserted": True}}
            case "CreateRunFiles":
                files = [{"name": file, "uploadUrl": f"{self.url}/{file}"} for file in asked["files"]]
                return {"createRunFiles": {"runID": "B", "uploadHeaders": [], "files": files}}
            case "ArtifactType":
                return {"project": {"artifact": None}}
            case "CreateArtifact":
                self.artifacts.append(asked["input"])
                sequence = {"id": "S", "latestArtifact": None}
                return {"createArtifact": {"artifact": {"id": "A", "state": "COMMITTED", "artifactSequence": sequence}}}
            case _:
                return {}

    def _bucket(self, run_id: str) -> dict[str, Any] | None:
        run = self.runs.get(run_id)
        if run is None:
            return None
        counts = {"logLineCount": 0, "historyLineCount": len(run.history), "eventsLineCount": 0}
        tail = json.dumps([json.dumps(row) for row in run.history[-1:]])
        config = json.dumps({name: {"value": value} for name, value in run.config.items()})
        details = {"summaryMetrics": json.dumps(run.summary), "historyTail": tail, "eventsTail": "[]", "config": config}
        named = {"id": "B", "name": run_id, "displayName": run_id, "tags": run.tags, "notes": None}
        return named | counts | details | {"wandbConfig": json.dumps({"t": 1})}

    def _upsert(self, asked: dict[str, Any]) -> None:
        run = self.runs.setdefault(asked["name"], KnownRun())
        run.config |= {name: node["value"] for name, node in json.loads(asked["config"] or "{}").items()}
        run.group, run.job_type = asked["groupName"] or run.group, asked["jobType"] or run.job_type
        run.tags, run.sweep = asked["tags"] or run.tags, asked["sweep"] or run.sweep

    def _take(self, run_id: str, sent: dict[str, Any]) -> None:
        run = self.runs[run_id]
        for name, part in sent.get("files", {}).items():
            lines = [json.loads(line) for line in part["content"] if line.strip()]
            if name == "wandb-history.jsonl":
                run.history[part["offset"] :] = lines
            elif name == "wandb-summary.json" and lines:
                run.summary = lines[-1]
        if sent.get("complete"):
            run.exit_code = sent["exitcode"]


def _handler(server: WandbServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            if server.is_gone:
                self.close_connection = True
                return
            server.requests.append(f"{self.path}\n{self.headers}\n".encode() + body)
            content = json.dumps(server.answer(self.path, body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):
                super().handle()

    return Handler
