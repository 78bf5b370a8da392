# ova.sh: the files of /slipway/in, in the order of `order` -> image.ova, and its manifest alone -> image.mf. Disks are of the kind vSphere streams, and as large as `sizes`
# says in MiB.
while read -r file mib; do
  qemu-img info --output=json "/slipway/in/$file" > info
  found=$(jq -r '"\(."format-specific".data."create-type") \(."virtual-size" / 1048576)"' info)
  if [ "$found" != "streamOptimized $mib" ]; then
    echo "error: $file: expected a disk streamOptimized of $mib MiB, got $found MiB" >&2
    exit 1
  fi
done < /slipway/step/sizes
cp /slipway/in/*.mf /slipway/out/image.mf
tar --format=ustar --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=0644 \
  -cf /slipway/out/image.ova -C /slipway/in -T /slipway/step/order
