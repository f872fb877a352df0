"""The trading host of a convention, as a process that is told what to do: a JSON line in, a JSON line out."""

import json
import sys
import time
from pathlib import Path

import thespian.actors as thespian
from two_hosts import Floor, Look, Place, Post, Watch

from openoutcry.actors.protocol import Envelope
from openoutcry.actors.transport.tcp import SYSTEM_BASE, confine, convention_capabilities
from openoutcry.assembly.settings import load_settings
from openoutcry.domain.control import Start
from openoutcry.domain.units import NS_PER_S


def say(answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main(config):
    transport = load_settings(Path(config)).transport
    confine(transport)
    capabilities = convention_capabilities(transport) | {"Process Startup Method": "spawn"}
    system = thespian.ActorSystem(SYSTEM_BASE, capabilities)
    try:
        floor = system.createActor(Floor)
        say("ready")
        for line in sys.stdin:
            answer = system.ask(floor, message_of(*json.loads(line)), 10)
            say(answer)
    finally:
        system.shutdown()


def message_of(command, *arguments):
    match command:
        case "watch":
            return Watch()
        case "place":
            return Place(*arguments)
        case "look":
            return Look()
        case "ask":
            return Post(arguments[0], Look())
        case "post":
            number, sequence, lifetime_s = arguments
            now = time.monotonic_ns()
            deadline = time.time_ns() + lifetime_s * NS_PER_S if lifetime_s else 0
            start = Start(id=f"start:{sequence}")
            return Post(number, Envelope("supervisor", 0, sequence, now, now, start, deadline))
    raise ValueError(command)


if __name__ == "__main__":
    main(sys.argv[1])
