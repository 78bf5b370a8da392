# vmdk-id.sh DISK CID: gives a streamOptimized disk that identity (8 hex digits) in place of the random one, which QEMU prints in as
# many digits as it takes: what comes behind it moves. Bytes 28 to 43 of the header say where the descriptor is, and its room, in sectors.
disk=$1 cid=$2
read -r sector sectors < <(od -An -tu8 -j 28 -N 16 "$disk")
dd if="$disk" bs=512 skip="$sector" count="$sectors" status=none | tr -d '\0' | sed "s/^CID=.*/CID=$cid/" > descriptor
grep -qx "CID=$cid" descriptor
truncate -s $((sectors * 512)) descriptor
dd if=descriptor of="$disk" bs=512 seek="$sector" conv=notrunc status=none
