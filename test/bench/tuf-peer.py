"""What a repository of updates costs python-tuf: tuf-peer.py TARGETS OUT. Prints the seconds of create, refresh and validate.

The same work as ours: targets are hashed and copied, each copy is flushed, metadata is signed, written and verified.
"""
import os
import sys
import time
from datetime import datetime, timedelta, timezone

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

source, out = sys.argv[1:]
os.makedirs(os.path.join(out, "targets"))
signer = CryptoSigner.generate_ed25519()
expires = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(weeks=1)


def write(data, path):
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def publish(targets, version):
    root = Metadata(Root(expires=expires))
    for role in ("root", "targets", "snapshot", "timestamp"):
        root.signed.add_key(signer.public_key, role)
    targets.signed.version = version
    targets.sign(signer)
    data = targets.to_bytes()
    write(data, os.path.join(out, f"{version}.targets.json"))
    meta = {"targets.json": MetaFile.from_data(version, data, ["sha256"])}
    snapshot = Metadata(Snapshot(version=version, expires=expires, meta=meta))
    snapshot.sign(signer)
    data = snapshot.to_bytes()
    write(data, os.path.join(out, f"{version}.snapshot.json"))
    timestamp = Metadata(Timestamp(version=version, expires=expires, snapshot_meta=MetaFile.from_data(version, data, ["sha256"])))
    timestamp.sign(signer)
    write(timestamp.to_bytes(), os.path.join(out, "timestamp.json"))
    for role, metadata in (("targets", targets), ("snapshot", snapshot), ("timestamp", timestamp)):
        root.verify_delegate(role, metadata)


started = time.perf_counter()
targets = Metadata(Targets(expires=expires))
for name in sorted(os.listdir(source)):
    path = os.path.join(source, name)
    info = TargetFile.from_file(name, path, ["sha256"])
    targets.signed.targets[name] = info
    with open(path, "rb") as file:
        write(file.read(), os.path.join(out, "targets", f"{info.hashes['sha256']}.{name}"))
publish(targets, 1)
created = time.perf_counter()
publish(Metadata.from_file(os.path.join(out, "1.targets.json")), 2)
refreshed = time.perf_counter()
for name, info in Metadata.from_file(os.path.join(out, "2.targets.json")).signed.targets.items():
    with open(os.path.join(out, "targets", f"{info.hashes['sha256']}.{name}"), "rb") as file:
        info.verify_length_and_hashes(file)
validated = time.perf_counter()
print(created - started, refreshed - created, validated - refreshed)
