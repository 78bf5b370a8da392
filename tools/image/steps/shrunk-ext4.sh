# shrunk-ext4.sh TAR IMAGE MIB UUID [OPTIONS]: an ext4 for a partition that nobody writes, laid out for MIB and shrunk to its content.
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
resize2fs -M "$image" 2>&1
