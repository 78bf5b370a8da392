# toolchain.sh ARCH DIR: the compilers around us -> DIR, a tree that works wherever it is put, on any machine with a shell. Every
# program of it is started by its own loader with its own libraries: a script of the program's name does so, and the program itself
# lies below .real/.
arch=$1 dir=$2
host=$(uname -m)
case $host in
  x86_64) loader=usr/lib64/ld-linux-x86-64.so.2 other=aarch64 ;;
  aarch64) loader=usr/lib/ld-linux-aarch64.so.1 other=x86?64 ;;
esac
libraries=usr/lib/$host-linux-gnu
mkdir -p "$dir"
# A kit for the machine's own architecture needs no cross compiler.
others=(--exclude="*$other*" --exclude=usr/libexec/gcc-cross --exclude=usr/lib/gcc-cross)
if [ "$arch" != "$host" ]; then others=(); fi
tar -c -C / "${others[@]}" --exclude='usr/bin/bwrap' --exclude='usr/bin/dpkg*' --exclude='usr/bin/gp-*' \
  usr/bin usr/include "$loader" usr/lib/gcc usr/lib/linux "$libraries" usr/libexec/gcc usr/share/bison usr/share/common-licenses \
  $([ "$arch" = "$host" ] || echo "usr/$arch-linux-gnu" usr/lib/gcc-cross usr/libexec/gcc-cross) | tar -x -C "$dir"

wrap() { # wrap PROGRAM UP: UP leads from its directory to the root of the tree
  local name=${1##*/} folder=${1%/*} set=
  case $name in
    perl*) set='PERL5LIB=$r/'$libraries'/perl-base ' ;;
    bison | flex*) set='BISON_PKGDATADIR=$r/usr/share/bison M4=$r/usr/bin/m4 ' ;;
  esac
  mkdir -p "$folder/.real"
  mv "$1" "$folder/.real/$name"
  printf '#!/bin/sh\nr=${0%%/*}/%s\n%sexec "$r/%s" --library-path "$r/%s" --argv0 "$0" "${0%%/*}/.real/%s" "$@"\n' \
    "$2" "${set:+export $set; }" "$loader" "$libraries" "$name" > "$1"
  chmod 755 "$1"
}

cd "$dir"
find usr/bin usr/libexec -type f -perm /111 -not -name '*.so*' | sort > /tmp/programs
while read -r program; do
  IFS= read -r -n 4 magic < "$program" || true
  if [ "$magic" != $'\177ELF' ]; then continue; fi
  up=${program%/*}
  wrap "$program" "$(sed 's|[^/][^/]*|..|g' <<< "$up")"
done < /tmp/programs

# A cross compiler calls its assembler and linker by links to them, from where those scripts would not find the rest.
if [ "$arch" != "$host" ]; then
  for link in "usr/$arch-linux-gnu/bin"/*; do
    program=$(readlink "$link")
    rm "$link"
    printf '#!/bin/sh\nexec "${0%%/*}/%s" "$@"\n' "$program" > "$link"
    chmod 755 "$link"
  done
fi

# The compiler for programs of the build machine. They run on machines whose C library, if there is one, is another.
rm -f usr/bin/gcc usr/bin/cc
printf '#!/bin/sh\nexec "${0%%/*}/%s-linux-gnu-gcc" --sysroot="${0%%/*}/../.." -static "$@"\n' "$host" > usr/bin/gcc
cat > usr/bin/pkg-config << 'EOF'
#!/bin/sh
# What the build programs of a kernel ask for, linked statically.
case " $* " in
  *' libelf '*--libs* | *--libs*' libelf '*) echo -lelf -lelftree -lz -lzstd ;;
  *' libelf '*) ;;
  *) exit 1 ;;
esac
EOF
chmod 755 usr/bin/gcc usr/bin/pkg-config

# libelf.a of the distribution misses what begins and ends its tree of raw chunks, in which the kernel's programs keep nothing.
cat > /tmp/elftree.c << 'EOF'
void eu_search_tree_init(void *tree, void *compare) { (void)tree, (void)compare; }
void eu_search_tree_fini(void *tree, void *release) { (void)tree, (void)release; }
EOF
usr/bin/gcc -O2 -c -o /tmp/elftree.o /tmp/elftree.c
usr/bin/ar rcD "$libraries/libelftree.a" /tmp/elftree.o
