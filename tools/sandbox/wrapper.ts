/**
 * What bash does around every command, in the lowest layer. It fixes the umask (a host's must not reach a package), runs the command,
 * and reports the CPU time of all that was waited for on descriptor 3.
 *
 * The command gets a pipe for its output where the layer has `cat`: what Node gives is a socket, and a program that opens /dev/stderr
 * cannot open a socket. What the command left in the background holds that pipe, so it is ended before the pipe is waited for.
 */
const WRAPPER = `
umask 022
exec {times}>&3 3>&-
if [[ -x /usr/bin/cat ]]; then
  exec {pipe}> >(exec /usr/bin/cat 2>&1 {times}>&-)
  reader=$!
  "$@" >&$pipe 2>&1 {times}>&- {pipe}>&-
  status=$?
  exec {pipe}>&-
  left=1
  while ((left)); do
    left=0
    for process in /proc/[0-9]*; do
      pid=\${process#/proc/}
      ((pid == 1 || pid == $$ || pid == reader)) && continue
      kill -KILL $pid 2>/dev/null && left=1
    done
  done
  wait $reader
else
  "$@" {times}>&-
  status=$?
fi
times >&$times
exit $status
`;

/** A command inside the wrapper. */
export function wrapped(argv: readonly string[]): string[] {
  return ['/usr/bin/bash', '-c', WRAPPER, 'slipway', ...argv];
}

/** CPU seconds in what bash's \`times\` prints: two lines of two times, such as \`1m2.345s 0m0.010s\`. */
export function parseTimes(text: string): number {
  return [...text.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds),
    0,
  );
}
