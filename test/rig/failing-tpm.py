"""failing-tpm.py SOCKET SWTPM PCR: between QEMU and the control socket of an swtpm, a TPM that is in failure mode from the first measurement into PCR on."""

import os
import socket
import struct
import sys
import threading

PCR_EXTEND = 0x182
# TPM 2.0 Library, Part 2: TPM_ST_NO_SESSIONS, 10 bytes, TPM_RC_FAILURE.
FAILURE = struct.pack('>HII', 0x8001, 10, 0x101)


def receive(end, size):
    got = b''
    while len(got) < size:
        part = end.recv(size - len(got))
        if not part:
            os._exit(0)
        got += part
    return got


def message(end):
    """A command or a response: tag, length of all, code, and the rest."""
    head = receive(end, 6)
    return head + receive(end, struct.unpack('>I', head[2:])[0] - 6)


def serve(machine, tpm, pcr):
    failing = False
    while True:
        command = message(machine)
        code = struct.unpack('>I', command[6:10])[0]
        failing = failing or (code == PCR_EXTEND and command[13] == pcr)
        if not failing:
            tpm.sendall(command)
        machine.sendall(FAILURE if failing else message(tpm))


def relay(source, sink):
    while part := source.recv(65536):
        sink.sendall(part)
    os._exit(0)


listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
listening.listen(1)
machine, _ = listening.accept()
tpm = socket.socket(socket.AF_UNIX)
tpm.connect(sys.argv[2])
threading.Thread(target=relay, args=(tpm, machine), daemon=True).start()
while True:
    words, descriptors, _, _ = socket.recv_fds(machine, 65536, 1)
    if not words:
        break
    if not descriptors:
        tpm.sendall(words)
        continue
    # The machine hands over where it will send commands; the TPM gets another such end.
    own, other = socket.socketpair()
    data = socket.socket(fileno=descriptors[0])
    threading.Thread(target=serve, args=(data, own, int(sys.argv[3])), daemon=True).start()
    socket.send_fds(tpm, [words], [other.fileno()])
