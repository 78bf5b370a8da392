/**
 * What bash does around every command, in the lowest layer. It fixes the umask (a host's must not reach a package), runs the command,
 * and reports the CPU time of all that was waited for on descriptor 3.
 *
 * The command gets a pipe for its output where the layer has `cat`: what Node gives is a socket, and a program that opens /dev/stderr
 * cannot open a socket. A process left in the background may hold the pipe for ever, so `cat` has five seconds to end.
 */
export const WRAPPER = `
umask 022
exec {times}>&3 3>&-
if [[ -x /usr/bin/cat && -x /usr/bin/sleep ]]; then
  exec {pipe}> >(exec /usr/bin/cat 2>&1 {times}>&-)
  reader=$!
  "$@" >&$pipe 2>&1 {times}>&- {pipe}>&-
  status=$?
  exec {pipe}>&-
  { /usr/bin/sleep 5; kill $reader; } >/dev/null 2>&1 {times}>&- &
  wait $reader
else
  "$@" {times}>&-
  status=$?
fi
times >&$times
exit $status
`;

/** CPU seconds in what bash's \`times\` prints: two lines of two times, such as \`1m2.345s 0m0.010s\`. */
export function parseTimes(text: string): number {
  return [...text.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds),
    0,
  );
}
