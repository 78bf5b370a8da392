# fresh-ext4.sh: an empty ext4 of SIZE_MIB for a partition that the system writes. OPTIONS as a person would type them.
truncate -s "${SIZE_MIB}M" /slipway/out/fresh.img
# shellcheck disable=SC2086 # several words
E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mke2fs -q -t ext4 -b 4096 -I 256 -U "$UUID" -E "root_owner=0:0,hash_seed=$UUID" $OPTIONS /slipway/out/fresh.img
