"""table.py DISK: a disk's GPT (UEFI 5.3) as JSON: number, type, name, and first and last sector of each partition; none without one."""

import json
import struct
import sys
import uuid

SECTOR = 512


def partitions(disk):
    disk.seek(SECTOR)
    header = disk.read(SECTOR)
    if header[:8] != b'EFI PART':
        return
    entries, count, size = struct.unpack_from('<QII', header, 72)
    disk.seek(entries * SECTOR)
    for number in range(1, min(count, 128) + 1):
        entry = disk.read(size)
        kind, first, last = entry[:16], *struct.unpack_from('<QQ', entry, 32)
        if kind != bytes(16):
            name = entry[56:128].decode('utf-16-le', 'replace').rstrip('\0')
            yield {'number': number, 'type': str(uuid.UUID(bytes_le=kind)), 'name': name, 'first': first, 'last': last}


with open(sys.argv[1], 'rb') as disk:
    print(json.dumps(list(partitions(disk))))
