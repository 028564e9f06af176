"""A BigQuery of our own on loopback, as far as loads ask for it: it keeps requests and job ids.

It runs no SQL. What it knows of the service: a job id is taken once (409 afterwards), a load's rows
are those of the file it was sent, a transaction's ledger row is there once it is done, and answers
can be lost on order.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow.parquet as pq

Json = dict[str, Any]
PROJECT = "test-project"
_ANSWER_FIELDS = (
    ("target", "STRING"),
    ("venue", "STRING"),
    ("symbol", "STRING"),
    ("date", "DATE"),
    ("logical_hash", "STRING"),
    ("version", "INTEGER"),
    ("row_count", "INTEGER"),
    ("generation", "INTEGER"),
)
_NOTED = re.compile(r"(?:DATE |TIMESTAMP )?'?([^',]*?)'? AS (\w+)[,)]")


@dataclass
class Service:
    """What is there, what was asked, and what is to go wrong."""

    tables: dict[str, Json] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, Json] = field(default_factory=dict)
    began: list[str] = field(default_factory=list)
    """Ids of the jobs that ran, in order."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Every request, as method and path."""
    ledger: dict[tuple[str, ...], Json] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    """What requests were authorized with."""
    lose: set[str] = field(default_factory=set)
    """Job ids, or ends of them, whose answer is lost once: the job runs, nobody hears of it."""
    fail: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Ends of job ids that fail, with status and reason; each once."""
    deny: int = 0
    """Status that every request is answered with."""
    rows_off: int = 0
    """How many rows more than it has every load is said to have."""
    uploads: dict[str, Json] = field(default_factory=dict)
    url: str = ""
    """Where it listens."""

    def of_kind(self, kind: str) -> list[Json]:
        """The configurations of the jobs that ran, of one kind."""
        found = [self.jobs[job]["configuration"] for job in self.began]
        return [one[kind] for one in found if kind in one]


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    service: Service

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        path = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.service.asked.append((self.command, path.path))
        if path.path == "/token":
            self._answer(200, {"access_token": "t0ken", "expires_in": 3600, "token_type": "Bearer"})
            return
        self.service.tokens.append(self.headers.get("Authorization", ""))
        if self.service.deny:
            self._error(self.service.deny, "accessDenied")
            return
        parts = path.path.removeprefix("/upload").split("/")[3:]
        if "jobs" in parts or "queries" in parts:
            self._serve_jobs(parts, path.path.startswith("/upload"), path.query, body)
        else:
            self._serve_tables(parts, body)

    def _serve_tables(self, parts: list[str], body: bytes) -> None:
        match self.command, parts:
            case "POST", ["projects", _, "datasets"]:
                self._answer(200, {"datasetReference": _of(body), "location": "EU"})
            case "POST", ["projects", _, "datasets", _, "tables"]:
                self._make_table(json.loads(body))
            case "GET", ["projects", _, "datasets", _, "tables", table]:
                self._table(table)
            case "DELETE", ["projects", _, "datasets", _, "tables", table]:
                found = self.service.tables.pop(table, None)
                self._answer(204 if found else 404, {})
            case _:
                self._error(404, "notFound")

    def _serve_jobs(self, parts: list[str], is_upload: bool, query: str, body: bytes) -> None:  # noqa: FBT001
        match self.command, parts:
            case "POST", ["projects", _, "jobs"] if is_upload:
                self._open_upload(json.loads(body))
            case "PUT", ["projects", _, "jobs"]:
                (upload,) = parse_qs(query)["upload_id"]
                self._load(self.service.uploads[upload], pq.read_metadata(io.BytesIO(body)))
            case "POST", ["projects", _, "jobs"]:
                self._job(json.loads(body))
            case "GET", ["projects", _, "jobs", job]:
                found = self.service.jobs.get(job)
                self._answer(200, found) if found else self._error(404, "notFound")
            case "GET", ["projects", _, "queries", job]:
                self._results(job)
            case _:
                self._error(404, "notFound")

    def _make_table(self, table: Json) -> None:
        name = table["tableReference"]["tableId"]
        if name in self.service.tables:
            self._error(409, "duplicate")
            return
        self.service.tables[name] = table
        self.service.rows[name] = 0
        self._answer(200, table)

    def _table(self, name: str) -> None:
        table = self.service.tables.get(name)
        if table is None:
            self._error(404, "notFound")
        else:
            self._answer(200, {**table, "numRows": str(self.service.rows[name])})

    def _open_upload(self, job: Json) -> None:
        if job["jobReference"]["jobId"] in self.service.jobs:
            self._error(409, "duplicate")
            return
        upload = str(len(self.service.uploads))
        self.service.uploads[upload] = job
        host = self.headers["Host"]
        where = f"http://{host}/upload/bigquery/v2/projects/{PROJECT}/jobs?upload_id={upload}"
        self._answer(200, {}, {"Location": where})

    def _load(self, job: Json, file: pq.FileMetaData) -> None:
        table = job["configuration"]["load"]["destinationTable"]["tableId"]
        rows = file.num_rows + self.service.rows_off
        self._run(job, lambda: self.service.rows.update({table: rows}))

    def _job(self, job: Json) -> None:
        configuration = job["configuration"]
        if "load" in configuration:
            self._run(job, lambda: None)
            return
        sql = configuration["query"]["query"]
        self._run(job, lambda: self._note(sql))

    def _note(self, sql: str) -> None:
        """Keep the ledger row of a transaction."""
        _, _, note = sql.partition("_loads` AS l\n")
        if note:
            line = note.split("\n")[0].removeprefix("USING (SELECT ")
            row = {name: value.strip() for value, name in _NOTED.findall(line)}
            self.service.ledger[row["target"], row["symbol"], row["date"]] = row

    def _run(self, job: Json, effect: Any) -> None:
        service, job_id = self.service, job["jobReference"]["jobId"]
        if job_id in service.jobs:
            self._error(409, "duplicate")
            return
        status: Json = {"state": "DONE"}
        end = next((end for end in service.fail if job_id.endswith(end)), None)
        if end is not None:
            _, reason = service.fail.pop(end)
            status["errorResult"] = {"reason": reason, "message": f"because of {reason}"}
            status["errors"] = [status["errorResult"]]
        else:
            effect()
        kind = "LOAD" if "load" in job["configuration"] else "QUERY"
        job["configuration"]["jobType"] = kind
        service.jobs[job_id] = {**job, "status": status, "statistics": {"query": {}}}
        service.began.append(job_id)
        lost = next((end for end in service.lose if job_id.endswith(end)), None)
        if lost is not None:
            service.lose.discard(lost)
            self.close_connection = True
            return
        self._answer(200, service.jobs[job_id])

    def _results(self, job: str) -> None:
        found = self.service.jobs[job]
        if "errorResult" in found["status"]:
            self._error(400, found["status"]["errorResult"]["reason"])
            return
        names = [name for name, _ in _ANSWER_FIELDS]
        rows = [{"f": [{"v": row[n]} for n in names]} for row in self.service.ledger.values()]
        is_question = "SELECT target" in found["configuration"]["query"]["query"]
        rows = rows if is_question else []
        self._answer(
            200,
            {
                "jobComplete": True,
                "jobReference": found["jobReference"],
                "schema": {"fields": [{"name": n, "type": t} for n, t in _ANSWER_FIELDS]},
                "rows": rows,
                "totalRows": str(len(rows)),
            },
        )

    def _error(self, status: int, reason: str) -> None:
        errors = [{"reason": reason, "message": reason}]
        self._answer(status, {"error": {"code": status, "message": reason, "errors": errors}})

    def _answer(self, status: int, body: Json, headers: dict[str, str] | None = None) -> None:
        data = b"" if status == 204 else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _of(body: bytes) -> Json:
    reference: Json = json.loads(body)["datasetReference"]
    return reference


@contextlib.contextmanager
def serving() -> Iterator[Service]:
    """Run one on a free port; gives what it keeps."""
    service = Service()
    handler = type("Bound", (Handler,), {"service": service})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        service.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def expires(table: Json) -> dt.datetime:
    """When BigQuery drops a table by itself."""
    return dt.datetime.fromtimestamp(int(table["expirationTime"]) / 1000, dt.UTC)
