"""An actor system on a TCP base, as a process: it ends with its stdin. Each line of it is answered with JSON.

Beside our own base there is Thespian's transport as it is, which lets anybody in; both are on loopback.
"""

import json
import os
import sys

import thespian.actors as thespian
from thespian.system.messages.status import Thespian_StatusReq
from thespian.system.multiprocCommon import multiprocessCommon
from thespian.system.transport.TCPTransport import TCPTransport

from openoutcry.actors.transport.tcp import REFUSED, ConfinedTransport, confine
from openoutcry.assembly.transport_settings import TransportSettings

UNCHECKED_BASE = "multiprocUncheckedTCPBase"
PATIENCE_S = 30.0


class Echo(thespian.Actor):
    def receiveMessage(self, message, sender):  # noqa: N802  Thespian's name
        if isinstance(message, str):
            self.send(sender, [message, os.getpid()])


class UncheckedTransport(TCPTransport):
    """That the module above was imported is what binds it to loopback."""


class ActorSystemBase(multiprocessCommon):
    transportType = UncheckedTransport  # noqa: N815  Thespian's name


def say(answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main(base, port):
    confine(TransportSettings())
    capabilities = {"Admin Port": int(port), "Process Startup Method": "spawn"}
    system = thespian.ActorSystem(base, capabilities)
    try:
        actor = system.createActor("tcp_process.Echo")
        admin = ConfinedTransport.getAdminAddr(capabilities)
        say(system.ask(actor, "ready", PATIENCE_S))
        for line in sys.stdin:
            if line == "refused\n":
                say(system.ask(admin, Thespian_StatusReq(), PATIENCE_S).miscKeyVals.get(REFUSED))
            else:
                say(system.ask(actor, line.strip(), PATIENCE_S))
    finally:
        system.shutdown()


if __name__ == "__main__":
    import tcp_process  # the module that the other processes know it by

    sys.modules[f"thespian.system.{UNCHECKED_BASE}"] = tcp_process
    main(*sys.argv[1:])
