"""Reads Mozilla's certdata.txt and writes the authorities trusted for TLS servers as a PEM bundle.

The file is a list of objects, separated by blank lines: a certificate, and apart from it the trust put
in it. Issuer and serial number tie the two together; labels are not unique.
"""
import base64
import re
import sys
import textwrap


def objects(lines):
    """Yields each object as a dictionary of its fields; octal values become bytes."""
    fields = {}
    for line in lines:
        words = line.split(None, 2)
        if not words:
            if fields:
                yield fields
            fields = {}
        elif words[0].startswith("CKA_"):
            name, kind = words[:2]
            fields[name] = octal(lines) if kind == "MULTILINE_OCTAL" else "".join(words[2:]).strip()
    if fields:
        yield fields


def octal(lines):
    """Takes the lines up to END, each a run of \\ooo."""
    digits = iter(lambda: next(lines).strip(), "END")
    return bytes(int(byte, 8) for line in digits for byte in re.findall(r"\\([0-7]{3})", line))


def label(fields):
    """The quoted label, whose bytes beyond ASCII are written \\xhh."""
    return fields["CKA_LABEL"].strip('"').encode().decode("unicode_escape").encode("latin-1").decode()


def pem(der):
    body = textwrap.fill(base64.b64encode(der).decode(), 64)
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"


certificates, trusted = {}, set()
for fields in objects(iter(sys.stdin)):
    key = (fields.get("CKA_ISSUER"), fields.get("CKA_SERIAL_NUMBER"))
    if fields.get("CKA_CLASS") == "CKO_CERTIFICATE":
        certificates[key] = f"# {label(fields)}\n{pem(fields['CKA_VALUE'])}"
    elif fields.get("CKA_TRUST_SERVER_AUTH") == "CKT_NSS_TRUSTED_DELEGATOR":
        trusted.add(key)

if not trusted <= certificates.keys():
    sys.exit("error: a trusted certificate is missing from the list")
print("\n".join(sorted(certificates[key] for key in trusted)), end="")
