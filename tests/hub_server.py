"""A hub on the loopback that takes uploads as the Hugging Face hub does: repositories, large files by LFS, commits."""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

TOKEN = "hf_the_only_token_that_may_write"
LARGE = (".safetensors",)  # what goes by LFS, whatever its size


class HubServer:
    """Serves in a thread of its own; what it was given is in its attributes.

    faults: part of a path -> the status that its requests get. repositories: `models/owner/name` -> its private flag.
    files: the same -> name -> content, after its last commit. commits: the same -> how many.
    """

    def __init__(self) -> None:
        self.faults: dict[str, int] = {}
        self.requests: list[str] = []
        self.repositories: dict[str, bool] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.commits: dict[str, int] = {}
        self.large: dict[str, bytes] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        name = f"{body.get('type', 'model')}s/{body.get('organization', 'me')}/{body['name']}"
        self.files.setdefault(name, {})
        self.repositories.setdefault(name, body.get("private", body.get("visibility") == "private"))
        return {"url": f"{self.url}/{name}"}

    def preupload(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """How each file is to come, and the object that is there under its name."""
        return {
            "files": [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                    "shouldIgnore": False,
                    "oid": self.oid(name, file["path"]),
                }
                for file in body["files"]
            ]
        }

    def oid(self, name: str, path: str) -> str | None:
        content = self.files[name].get(path)
        if content is None:
            return None
        if path.endswith(LARGE):
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    def batch(self, body: dict[str, Any]) -> dict[str, Any]:
        """Where the large files that are not there yet are to be put."""
        objects = []
        for wanted in body["objects"]:
            href = {"upload": {"href": f"{self.url}/put/{wanted['oid']}"}}
            objects.append(wanted if wanted["oid"] in self.large else wanted | {"actions": href})
        return {"transfer": "basic", "objects": objects}

    def commit(self, name: str, lines: bytes) -> dict[str, Any]:
        for entry in map(json.loads, lines.splitlines()):
            value = entry["value"]
            if entry["key"] == "file":
                self.files[name][value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                self.files[name][value["path"]] = self.large[value["oid"]]
        self.commits[name] = self.commits.get(name, 0) + 1
        return {"commitUrl": f"{self.url}/{name}/commit/{self.commits[name]:040d}", "commitOid": "0" * 40}


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, value: Any) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if status == 401:  # without it a client takes a 401 for a repository that is not there
            self.send_header("X-Error-Message", "Invalid credentials in Authorization header")
        self.end_headers()
        self.wfile.write(content)

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.hub.requests.append(f"{self.command} {self.path}")
        status = next((status for part, status in self.hub.faults.items() if part in self.path), 200)
        if not self.path.startswith("/put/") and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            status = 401
        self.answer(status, self.reply(body) if status == 200 else {"error": "refused"})

    do_GET = do_POST = do_PUT = handle_any

    def reply(self, body: bytes) -> Any:
        if found := re.fullmatch(r"/put/(\w+)", self.path):
            self.hub.large[found[1]] = body
            return {}
        if self.path == "/api/repos/create":
            return self.hub.create(json.loads(body))
        if self.path == "/api/validate-yaml":
            return {"errors": [], "warnings": []}
        if self.path.endswith("/info/lfs/objects/batch"):
            return self.hub.batch(json.loads(body))
        if found := re.fullmatch(r"/api/((?:models|datasets)/.+)/(preupload|commit)/main", self.path):
            return (
                self.hub.preupload(found[1], json.loads(body))
                if found[2] == "preupload"
                else (self.hub.commit(found[1], body))
            )
        if found := re.fullmatch(r"/api/((?:models|datasets)/[^/]+/[^/]+)", self.path):
            return {"id": found[1].partition("/")[2], "private": self.hub.repositories[found[1]]}
        if found := re.fullmatch(r"/api/((?:models|datasets)/[^/]+/[^/]+)/revision/main", self.path):
            return {"id": found[1].partition("/")[2], "sha": f"{self.hub.commits[found[1]]:040d}"}
        return {}
