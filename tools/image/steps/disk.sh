# disk.sh: partition images at their places and a partition table around them -> disk, in FORMAT.
truncate -s "${SIZE_MIB}M" disk.raw
while read -r image start_mib; do
  # Holes stay holes: most of a disk is empty.
  dd if="/slipway/in/$image" of=disk.raw bs=1M seek="$start_mib" conv=notrunc,sparse status=none
done < /slipway/in/places

mapfile -t arguments < /slipway/in/sgdisk
sgdisk "${arguments[@]}" disk.raw
# sgdisk exits with 0 whatever it finds.
sgdisk -v disk.raw | tee report
grep -q '^No problems found' report
if [ -e /slipway/in/mbr.img ]; then dd if=/slipway/in/mbr.img of=disk.raw conv=notrunc status=none; fi

case $FORMAT in
  raw)
    # Read past the page cache, where the host can: it would fill gigabytes of memory with the zeros of holes, page by page.
    if dd if=disk.raw of=/dev/null bs=4K count=1 iflag=direct status=none 2> /dev/null; then direct=iflag=direct; fi
    dd if=disk.raw bs=4M ${direct:-} status=none | lz4 -9 -q -T"$SLIPWAY_CORES" > /slipway/out/disk
    ;;
  qcow2) qemu-img convert -f raw -O qcow2 disk.raw /slipway/out/disk ;;
  vmdk)
    qemu-img convert -f raw -O vmdk -o subformat=streamOptimized disk.raw /slipway/out/disk
    bash -euo pipefail /slipway/step/vmdk-id.sh /slipway/out/disk "$CID"
    ;;
esac
