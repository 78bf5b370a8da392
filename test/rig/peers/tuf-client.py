"""Reads a repository as python-tuf does: tuf-client.py METADATA_URL TARGETS_URL ROOT WORKDIR TARGET...

Prints one JSON line: {"versions": {...}, "targets": {name: sha256}} or {"error": class, "message": text}.
"""
import hashlib
import json
import os
import sys

from tuf.api.metadata import Metadata
from tuf.ngclient import Updater
from tuf.ngclient.config import UpdaterConfig

metadata_url, targets_url, root, work, *names = sys.argv[1:]
metadata_dir, target_dir = os.path.join(work, "metadata"), os.path.join(work, "targets")
os.makedirs(metadata_dir, exist_ok=True)
os.makedirs(target_dir, exist_ok=True)
try:
    with open(root, "rb") as file:
        bootstrap = file.read()
    updater = Updater(metadata_dir, metadata_url, target_dir, targets_url, bootstrap=bootstrap, config=UpdaterConfig())
    updater.refresh()
    targets = {}
    for name in names:
        info = updater.get_targetinfo(name)
        if info is None:
            raise LookupError(f"no target {name}")
        with open(updater.download_target(info), "rb") as file:
            targets[name] = hashlib.sha256(file.read()).hexdigest()
    versions = {}
    for role in ("root", "timestamp", "snapshot", "targets"):
        versions[role] = Metadata.from_file(os.path.join(metadata_dir, f"{role}.json")).signed.version
    print(json.dumps({"versions": versions, "targets": targets}))
except Exception as error:
    print(json.dumps({"error": type(error).__name__, "message": str(error)}))
