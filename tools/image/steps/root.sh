# root.sh: root.tar with its labels, and the lines of os-release that only an image knows -> root.img, in TYPE.
cp --reflink=auto /slipway/in/root.tar root.tar
tar -xf root.tar --wildcards './*-linux-gnu/sys-root/usr/lib/os-release'
os_release=$(find . -name os-release)
cat /slipway/in/os-release >> "$os_release"
# A later entry replaces an earlier one of its name, for either file system.
tar --append -f root.tar --format=posix --pax-option='exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime' \
  --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner "$os_release"
python3 /slipway/step/label.py root.tar /

case $TYPE in
  erofs)
    mkfs.erofs --quiet --workers="$SLIPWAY_CORES" --tar=f -T "$SOURCE_DATE_EPOCH" -U "$UUID" \
      -z lz4hc,level=12 -C 262144 /slipway/out/root.img root.tar
    ;;
  ext4)
    # Stripes of 4 MiB keep what is read together in one block of the volume below.
    bash -eu /slipway/step/shrunk-ext4.sh root.tar /slipway/out/root.img "$SIZE_MIB" "$UUID" stride=1024,stripe_width=1024
    ;;
esac
