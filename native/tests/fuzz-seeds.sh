#!/bin/sh
# fuzz-seeds.sh DIR: a first corpus for each harness (fuzz_NAME reads DIR/NAME): the files of fuzz/NAME, and layers of every format that tar writes.
set -eu
mkdir -p "$1"
cp -r "$(dirname "$0")"/fuzz/*/ "$1"
mkdir -p "$1/apply"
cd "$1/apply"

tree=$(mktemp -d)
trap 'rm -r "$tree"' EXIT
mkdir -p "$tree/a/b" "$tree/d"
echo content > "$tree/a/b/file"
ln "$tree/a/b/file" "$tree/a/hard"
ln -s ../../outside "$tree/a/soft"
mkfifo "$tree/fifo"
: > "$tree/a/.wh.gone"
: > "$tree/d/.wh..wh..opq"
truncate -s 20k "$tree/hole"
echo end >> "$tree/hole"
for format in v7 ustar gnu pax; do tar -b 1 -C "$tree" --sort=name --format=$format -cf "$format.tar" . 2>/dev/null || true; done
tar -b 1 -C "$tree" -S --format=gnu -cf sparse-gnu.tar hole
for version in 0.0 0.1 1.0; do tar -b 1 -C "$tree" -S --format=pax --sparse-version=$version -cf sparse-$version.tar hole; done
# more extents than a header has room for
for at in 1 3 5 7 9 11; do printf x | dd of="$tree/many" bs=4k seek=$at conv=notrunc status=none; done
tar -b 1 -C "$tree" -S --format=gnu -cf sparse-many.tar many
tar -b 1 -C "$tree" --format=pax --pax-option='SCHILY.xattr.user.a:=b,SCHILY.xattr.security.capability:=c,SCHILY.xattr.trusted.overlay.opaque:=y,comment:=c,mtime:=-1.5,uid:=7,gid:=8' -cf records.tar a
tar -b 1 -C "$tree" --format=pax --pax-option='size:=4,linkpath:=/x,path:=p' -cf renamed.tar a/b/file
tar -b 1 -C "$tree" --format=gnu --transform 's,^,../,' -P -cf up.tar a
tar -b 1 -C "$tree" --format=gnu --mtime=@-5 --owner=:3000000 -cf numbers.tar a
tar -b 1 -C "$tree" --format=ustar --transform "s,^a,$(printf '%0120d' 0)/a," -cf prefix.tar a/b
tar -b 1 -C "$tree" --format=gnu --transform "s,^a,$(printf '%0250d' 0)/a," -cf long-name.tar a
for program in gzip bzip2 xz zstd; do command -v $program >/dev/null && $program -c < pax.tar > "pax.$program" || true; done
for program in gzip bzip2 xz zstd; do [ ! -e pax.$program ] || cat pax.$program pax.$program > "twice.$program"; done

# Headers that tar does not write, in an order that it never has. The harness makes the checksums right.
field() { { printf '%b' "$1"; cat /dev/zero; } | head -c "$2"; }
entry() { # NAME TYPE [LINK [SIZE]]
  field "$1" 100
  field '0000755' 8
  field '0000000' 8
  field '0000000' 8
  field "${4:-00000000000}" 12
  field '00000000000' 12
  field '        ' 8
  field "$2" 1
  field "${3:-}" 100
  field 'ustar\00000' 8
  field '' 64
  field '0000001' 8
  field '0000003' 8
  field '' 167
}
end() { field '' 1024; }
{ entry a/ 5; entry a/f 0; entry a/.wh..wh..opq 0; entry a/f 0; entry a 0; entry a/ 5; entry .wh.a 0; end; } > replaced.tar
{ entry a/b/f 0; entry .wh.a 0; entry a/ 5; entry .wh.b 0; entry b/ 5; entry a/.wh.b 0; entry .wh. 0; end; } > whiteouts.tar
{ entry null 3; entry disk 4; entry null 3; entry f 0; entry null 1 f; entry null 1 f; entry f/x 0; end; } > devices.tar
{ entry l 2 ..; entry l/f 0; entry h 1 l/../secret; entry s 2 /tmp; entry s/f 0; entry s/ 5; end; } > through-links.tar
{ entry g g '' 00000000003; field '11 a=b\n' 512; entry u Z; end; } > global.tar
{ entry f 0 '' '\0200\0\0\0\0\0\0\0\0\0\0\0003'; field abc 512; entry n 0 '' '\0377\0377\0377\0377\0377\0377\0377\0377\0377\0377\0377\0377'; end; } > base256.tar
{ entry h 1 d; entry d/ 5; entry h 1 d; entry . 0; end; } > link-to-directory.tar
