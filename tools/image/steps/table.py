"""table.py DISK: a disk's GPT (UEFI 5.3) as JSON: number, type and unique GUID, name, and first and last sector of each partition; none without one."""

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
        kind, own = (str(uuid.UUID(bytes_le=entry[at : at + 16])) for at in (0, 16))
        first, last = struct.unpack_from('<QQ', entry, 32)
        if uuid.UUID(kind).int != 0:
            name = entry[56:128].decode('utf-16-le', 'replace').rstrip('\0')
            yield {'number': number, 'type': kind, 'guid': own, 'name': name, 'first': first, 'last': last}


with open(sys.argv[1], 'rb') as disk:
    print(json.dumps(list(partitions(disk))))
