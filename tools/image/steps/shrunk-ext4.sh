# shrunk-ext4.sh TAR IMAGE MIB UUID [OPTIONS]: an ext4 for a partition that nobody writes, laid out for MIB and shrunk to its content.
# TAR.labels, where there is one, are labels that label.py made of TAR.
# Too large a content makes an image all the same, as large as it takes: whoever puts it on a disk compares, and tells by how much.
tar=$1 image=$2 mib=$3 uuid=$4 options=${5:+,$5}
export E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH

format() { # format MIB
  rm -f "$image"
  # GRUB reads it too: no feature younger than GRUB is wanted.
  mke2fs -q -t ext4 -b 4096 -I 256 -O ^has_journal,^metadata_csum_seed,^orphan_file -U "$uuid" \
    -E "lazy_itable_init=0,root_owner=0:0,hash_seed=$uuid$options" -d "$tar" "$image" "$1M"
}

format "$mib" 2> first-try || format $((mib + 2 * $(stat -c %s "$tar") / 1048576 + 64)) || { cat first-try >&2; exit 1; }
if [ -e "$tar.labels" ]; then
  # debugfs says its version, its commands, and nothing more unless one fails; it exits with 0 in either case.
  debugfs -w -f "$tar.labels" "$image" 2>&1 | { grep -vE '^debugfs(:| [0-9])' || true; } > complaints
  if [ -s complaints ]; then cat complaints >&2; exit 1; fi
fi
resize2fs -M "$image" 2>&1
