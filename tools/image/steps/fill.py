"""fill.py NAME IMAGE: cuts a partition's image to the bytes that fill it, as the build that filled it had them.

erofs and ext4 say their own size; a hash tree's follows from the blocks it is over; GRUB's core ends with the last sector that is not
empty; all else fills its partition. What is none of these is left as it is.
"""

import os
import sys

BLOCK, SECTOR, HASHES_PER_BLOCK = 4096, 512, 128
EROFS, EXT4, VERITY = bytes.fromhex('e2e1f5e0'), bytes.fromhex('53ef'), b'verity\0\0'


def number(data, offset, size=4):
    return int.from_bytes(data[offset : offset + size], 'little')


def tree_bytes(blocks):
    """The superblock, and levels of hashes until one block holds all of them."""
    total = 1
    while blocks > 1:
        blocks = -(-blocks // HASHES_PER_BLOCK)
        total += blocks
    return total * BLOCK


def filled(name, file):
    head = file.read(BLOCK)
    if head[1024:1028] == EROFS:
        return number(head, 1024 + 36) << head[1024 + 12]
    if head[1024 + 56 : 1024 + 58] == EXT4:
        return number(head, 1024 + 4) << (10 + number(head, 1024 + 24))
    if head[:8] == VERITY:
        return tree_bytes(number(head, 72, 8))
    if name == 'bios':
        file.seek(0)
        return -(-len(file.read().rstrip(b'\0')) // SECTOR) * SECTOR
    return os.fstat(file.fileno()).st_size


with open(sys.argv[2], 'r+b') as image:
    size = filled(sys.argv[1], image)
    if size < os.fstat(image.fileno()).st_size:
        image.truncate(size)
