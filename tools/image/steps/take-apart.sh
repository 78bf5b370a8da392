# take-apart.sh: a disk in FORMAT -> table.json (its GPT), mbr.img (boot code of the first sector), and the images on
# the partitions in `places` (lines of name, start and size in MiB), each cut to what fills it. Whose layout it is, others judge.
case $FORMAT in
  raw) lz4 -d -q --sparse /slipway/in/disk disk.raw ;;
  *) qemu-img convert -f "$FORMAT" -O raw /slipway/in/disk disk.raw ;;
esac
python3 /slipway/step/table.py disk.raw > /slipway/out/table.json
head -c 440 disk.raw > /slipway/out/mbr.img
while read -r name start_mib size_mib; do
  dd if=disk.raw of="/slipway/out/$name.img" bs=1M skip="$start_mib" count="$size_mib" conv=sparse status=none
  python3 /slipway/step/fill.py "$name" "/slipway/out/$name.img"
done < /slipway/in/places
