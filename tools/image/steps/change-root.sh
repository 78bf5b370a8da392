# change-root.sh: root.img (TYPE) with the files below files/ in place of its own -> root.img. All that is not replaced keeps its place.
cp --sparse=always /slipway/in/root.img /slipway/out/root.img
chmod u+w /slipway/out/root.img
mkdir tree
cp -r /slipway/in/files/. tree
find tree -mindepth 1 -type d -exec chmod 0755 {} +
find tree -type f -exec chmod 0644 {} +
chmod 0555 tree
tar --sort=name --format=posix --pax-option='exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime' \
  --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -cf tree.tar -C tree .
python3 /slipway/step/label.py tree.tar /

case $TYPE in
  erofs)
    mkfs.erofs --quiet --tar=f --incremental=data -T "$SOURCE_DATE_EPOCH" -U "$UUID" -z lz4hc,level=12 -C 262144 \
      /slipway/out/root.img tree.tar
    ;;
  ext4)
    export E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH
    e2fsck -fy /slipway/out/root.img > /dev/null || true
    resize2fs /slipway/out/root.img "${SIZE_MIB}M" 2>&1
    (cd tree && find . -mindepth 1 -type d -printf 'mkdir "/%P"\n') > folders
    (cd tree && find . -type f -printf '%P\n') | while read -r file; do
      printf 'rm "/%s"\nwrite "tree/%s" "/%s"\nset_inode_field "/%s" mtime @%d\n' "$file" "$file" "$file" "$file" "$SOURCE_DATE_EPOCH"
    done > files
    # A folder or a file may be there or not; that all is as it should be is seen afterwards.
    debugfs -w -f folders /slipway/out/root.img > /dev/null 2>&1
    debugfs -w -f files /slipway/out/root.img > /dev/null 2>&1
    if [ -e tree.tar.labels ]; then debugfs -w -f tree.tar.labels /slipway/out/root.img > /dev/null 2>&1; fi
    tune2fs -U "$UUID" /slipway/out/root.img
    (cd tree && find . -type f -printf '%P\n') | while read -r file; do
      debugfs -R "cat /$file" /slipway/out/root.img 2> /dev/null > now
      [ "$(sha256sum < now)" = "$(sha256sum < "tree/$file")" ]
    done
    e2fsck -fy /slipway/out/root.img > /dev/null || true
    resize2fs -M /slipway/out/root.img 2>&1
    ;;
esac
