# toolchain.sh ARCH DIR: the compilers around us -> DIR, a tree that works wherever it is put, on any machine with a shell. Every
# program of it is started by its own loader with its own libraries: a script of the program's name does so, and the program itself
# lies below .real/.
arch=$1 dir=$2
mkdir -p "$dir"
others=(--exclude='*aarch64*' --exclude=usr/libexec/gcc-cross --exclude=usr/lib/gcc-cross)
if [ "$arch" = aarch64 ]; then others=(); fi
tar -c -C / "${others[@]}" --exclude='usr/bin/bwrap' --exclude='usr/bin/dpkg*' --exclude='usr/bin/gp-*' \
  usr/bin usr/include usr/lib64 usr/lib/gcc usr/lib/linux usr/lib/x86_64-linux-gnu usr/libexec/gcc usr/share/bison usr/share/common-licenses \
  $([ "$arch" = x86_64 ] || echo usr/aarch64-linux-gnu usr/lib/gcc-cross usr/libexec/gcc-cross) | tar -x -C "$dir"

wrap() { # wrap PROGRAM UP: UP leads from its directory to the root of the tree
  local name=${1##*/} folder=${1%/*} set=
  case $name in
    perl*) set='PERL5LIB=$r/usr/lib/x86_64-linux-gnu/perl-base ' ;;
    bison | flex*) set='BISON_PKGDATADIR=$r/usr/share/bison M4=$r/usr/bin/m4 ' ;;
  esac
  mkdir -p "$folder/.real"
  mv "$1" "$folder/.real/$name"
  printf '#!/bin/sh\nr=${0%%/*}/%s\n%sexec "$r/usr/lib64/ld-linux-x86-64.so.2" --library-path "$r/usr/lib/x86_64-linux-gnu" --argv0 "$0" "${0%%/*}/.real/%s" "$@"\n' \
    "$2" "${set:+export $set; }" "$name" > "$1"
  chmod 755 "$1"
}

cd "$dir"
find usr/bin usr/libexec usr/aarch64-linux-gnu/bin -type f -perm /111 -not -name '*.so*' 2> /dev/null | sort > /tmp/programs || true
while read -r program; do
  IFS= read -r -n 4 magic < "$program" || true
  if [ "$magic" != $'\177ELF' ]; then continue; fi
  up=${program%/*}
  wrap "$program" "$(sed 's|[^/][^/]*|..|g' <<< "$up")"
done < /tmp/programs

# The compiler for programs of the build machine. They run on machines whose C library, if there is one, is another.
rm -f usr/bin/gcc usr/bin/cc
printf '#!/bin/sh\nexec "${0%%/*}/x86_64-linux-gnu-gcc" --sysroot="${0%%/*}/../.." -static "$@"\n' > usr/bin/gcc
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
usr/bin/ar rcD usr/lib/x86_64-linux-gnu/libelftree.a /tmp/elftree.o
