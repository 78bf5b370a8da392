"""Reads repositories as python-tuf does: tuf-client.py PORT, on the loopback interface.

POST {"metadata": url, "targets": url, "root": path, "work": directory, "names": [...]} gives
{"versions": {role: version}, "targets": {name: sha256}} or {"error": class, "message": text}.
One process for many questions: python takes longer to begin than to read.
"""
import hashlib
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from tuf.api.metadata import Metadata
from tuf.ngclient import Updater


def read(question):
    metadata_dir = os.path.join(question["work"], "metadata")
    target_dir = os.path.join(question["work"], "targets")
    os.makedirs(metadata_dir, exist_ok=True)
    os.makedirs(target_dir, exist_ok=True)
    with open(question["root"], "rb") as file:
        bootstrap = file.read()
    updater = Updater(metadata_dir, question["metadata"], target_dir, question["targets"], bootstrap=bootstrap)
    updater.refresh()
    targets = {}
    for name in question["names"]:
        info = updater.get_targetinfo(name)
        if info is None:
            raise LookupError(f"no target {name}")
        with open(updater.download_target(info), "rb") as file:
            targets[name] = hashlib.sha256(file.read()).hexdigest()
    versions = {}
    for role in ("root", "timestamp", "snapshot", "targets"):
        versions[role] = Metadata.from_file(os.path.join(metadata_dir, f"{role}.json")).signed.version
    return {"versions": versions, "targets": targets}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({})

    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["content-length"])))
        try:
            self.answer(read(question))
        except Exception as error:
            self.answer({"error": type(error).__name__, "message": str(error)})

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
