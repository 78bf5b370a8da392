# verity.sh: root.img -> verity.img, its hash tree behind a superblock, and root-hash.
veritysetup format /slipway/in/root.img /slipway/out/verity.img --format=1 --hash=sha256 --data-block-size=4096 --hash-block-size=4096 \
  --salt="$SALT" --uuid="$UUID" --root-hash-file=/slipway/out/root-hash
veritysetup verify /slipway/in/root.img /slipway/out/verity.img "$(< /slipway/out/root-hash)"
