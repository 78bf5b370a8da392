# take-contents.sh: boot.img, root.img (TYPE), verity.img and esp.img -> what an image is made of anew: boot.tar, grub.cfg, verity.img, root-hash,
# file_contexts, file_contexts.subs_dist, triple (the folder all of the system is in), and the programs of the ESP, empty where there are none.
out=/slipway/out
mkdir boot
debugfs -R 'rdump / boot' /slipway/in/boot.img 2>&1 | { grep -vE '^debugfs( |:)' || true; } >&2
mv boot/grub/grub.cfg "$out/grub.cfg"
rm -rf boot/lost+found boot/grub
tar --sort=name --format=posix --pax-option='exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime' \
  --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -cf "$out/boot.tar" -C boot .

sed -nE 's/^set dm_verity_root=.* sha256 ([0-9a-f]{64}) .*$/\1/p' "$out/grub.cfg" | tr -d '\n' > "$out/root-hash"
veritysetup verify /slipway/in/root.img /slipway/in/verity.img "$(< "$out/root-hash")"
cp /slipway/in/verity.img "$out/verity.img"

names() { # names PATH: what is in a folder of root
  case $TYPE in
    erofs) dump.erofs --ls --path="$1" /slipway/in/root.img | awk '{ print $NF }' ;;
    ext4) debugfs -R "ls -p $1" /slipway/in/root.img 2> /dev/null | cut -d / -f 6 ;;
  esac
}
take() { # take PATH: a file of root
  case $TYPE in
    erofs) dump.erofs --cat --path="$1" /slipway/in/root.img 2> /dev/null || true ;;
    ext4) debugfs -R "cat $1" /slipway/in/root.img 2> /dev/null ;;
  esac
}
names / | grep -m 1 -e '-linux-gnu$' | tr -d '\n' > "$out/triple"
for file in file_contexts file_contexts.subs_dist; do
  take "/$(< "$out/triple")/sys-root/usr/share/factory/etc/selinux/slipway/contexts/files/$file" > "$out/$file"
done

bash -eu /slipway/step/take-loaders.sh
