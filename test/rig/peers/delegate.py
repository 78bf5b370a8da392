"""Delegates targets of a repository as python-tuf does: delegate.py METADATA TARGETS KEY IMAGE.

METADATA and TARGETS are directories, KEY is a PEM that signs all of it. A role "partner" (ECDSA, by path) gets a target of its own and one
that it delegates further, to "partner-tools" (RSA); IMAGE moves to a role "images" (Ed25519, by the hash of its path).
"""
import hashlib
import os
import re
import sys
from datetime import datetime, timedelta, timezone

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Delegations, MetaFile, Metadata, TargetFile, Targets
from tuf.api.serialization.json import JSONSerializer

PRETTY = JSONSerializer(compact=False)
LATER = (datetime.now(timezone.utc) + timedelta(days=20)).replace(microsecond=0)


def newest(metadata, role):
    names = [name for name in os.listdir(metadata) if re.fullmatch(rf"\d+\.{role}\.json", name)]
    return os.path.join(metadata, max(names, key=lambda name: int(name.split(".")[0])))


def put(targets, name, content):
    digest = hashlib.sha256(content).hexdigest()
    with open(os.path.join(targets, f"{digest}.{name}"), "wb") as file:
        file.write(content)
    return TargetFile.from_data(name, content, ["sha256"])


def delegate(above, signer, name, **how):
    key = signer.public_key
    if above.delegations is None:
        above.delegations = Delegations(keys={}, roles={})
    above.delegations.keys[key.keyid] = key
    above.delegations.roles[name] = DelegatedRole(name, [key.keyid], 1, False, **how)


def write(directory, file, role):
    content = role.to_bytes(PRETTY)
    with open(os.path.join(directory, file), "wb") as out:
        out.write(content)
    return MetaFile(role.signed.version, len(content), {"sha256": hashlib.sha256(content).hexdigest()})


def publish(metadata, signer, top, roles):
    """Roles are written as they are; what is over them is signed anew."""
    snapshot = Metadata.from_file(newest(metadata, "snapshot"))
    timestamp = Metadata.from_file(os.path.join(metadata, "timestamp.json"))
    for name, role in roles.items():
        snapshot.signed.meta[f"{name}.json"] = write(metadata, f"{role.signed.version}.{name}.json", role)
    for role in (top, snapshot, timestamp):
        role.signed.version += 1
    top.sign(signer)
    snapshot.signed.meta["targets.json"] = write(metadata, f"{top.signed.version}.targets.json", top)
    snapshot.sign(signer)
    timestamp.signed.snapshot_meta = write(metadata, f"{snapshot.signed.version}.snapshot.json", snapshot)
    timestamp.sign(signer)
    write(metadata, "timestamp.json", timestamp)


def delegate_all(top, targets, image):
    signers = {
        "partner": CryptoSigner.generate_ecdsa(),
        "partner-tools": CryptoSigner.generate_rsa(),
        "images": CryptoSigner.generate_ed25519(),
    }
    roles = {name: Metadata(Targets(version=4, expires=LATER)) for name in signers}
    roles["partner"].signed.targets["partner-list"] = put(targets, "partner-list", b"of a partner")
    roles["partner-tools"].signed.targets["partner-tool"] = put(targets, "partner-tool", b"of a partner's partner")
    roles["images"].signed.targets[image] = top.signed.targets.pop(image)
    delegate(top.signed, signers["partner"], "partner", paths=["partner-*"])
    delegate(roles["partner"].signed, signers["partner-tools"], "partner-tools", paths=["partner-t*"])
    prefix = hashlib.sha256(image.encode()).hexdigest()[:4]
    delegate(top.signed, signers["images"], "images", path_hash_prefixes=[prefix])
    for name, role in roles.items():
        role.sign(signers[name])
    return roles


def main(metadata, targets, key, image):
    with open(key, "rb") as file:
        signer = CryptoSigner(load_pem_private_key(file.read(), None))
    top = Metadata.from_file(newest(metadata, "targets"))
    if image == "none":
        del top.signed.delegations.roles["partner"]
        publish(metadata, signer, top, {})
    else:
        publish(metadata, signer, top, delegate_all(top, targets, image))


main(*sys.argv[1:])
