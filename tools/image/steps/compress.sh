# compress.sh: what an update streams onto a partition.
lz4 -9 -q -T"$SLIPWAY_CORES" /slipway/in/image /slipway/out/image.lz4
