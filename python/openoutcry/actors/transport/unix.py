"""The system base of one host: Thespian's public API over Unix sockets, with an event loop inside.

An actor's process runs an asyncio loop (uvloop's), on which its messages, timers and coroutines take turns.
Nothing listens outside of a folder that only its owner may enter, and the kernel tells who connects.
"""

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import thespian.actors as thespian
from thespian.system.addressManager import ActorLocalAddress, CannotPickleAddress
from thespian.system.logdirector import LoggerExitRequest
from thespian.system.messages.convention import CONV_ADDR_IPV4_CAPABILITY
from thespian.system.messages.multiproc import ChildMayHaveDied
from thespian.system.multiprocCommon import multiprocessCommon
from thespian.system.timing import timePeriodSeconds
from thespian.system.transport import (
    ExternalInterfaceTransportInit,
    SendStatus,
    Thespian__Run_Expired,
    Thespian__Run_HandlerResult,
    Thespian__Run_Terminated,
    Thespian__UpdateWork,
    TransmitIntent,
    TransmitOnly,
)

import openoutcry.actors.process_logging  # noqa: F401  before Thespian takes the loggers of this process
from openoutcry.actors.transport import address, codec
from openoutcry.actors.transport.guardian import GuardianLost
from openoutcry.actors.transport.link import Incoming, MailboxFullError, Outgoing, is_own_user
from openoutcry.actors.transport.lookout import Lookout
from openoutcry.actors.transport.loops import new_loop, outside_of_any_loop
from openoutcry.actors.transport.processes import Endpoint, Processes, one_thread_of_algebra
from openoutcry.actors.transport.received import Received
from openoutcry.actors.transport.timers import Wakeups

SYSTEM_BASE: Final = "multiprocUnixBase"
LISTEN_BACKLOG: Final = 4096
TURN_MESSAGES_MAX: Final = 64  # handled before timers and other sockets get their turn
INBOX_MESSAGES_MAX: Final = 2048  # beyond it the senders' messages stay in their sockets
LINGER_TIMEOUT_S: Final = 5.0
DRAIN_TIMEOUT_S: Final = 2.0  # a target that takes nothing keeps nobody from leaving
NO_DESCRIPTOR: Final = (errno.EMFILE, errno.ENFILE)
LOGGER_INSTANCE: Final = -1  # Thespian's number for the process that writes its log


class Clone:
    """Asks for one more transport of an outside process."""


class UnixTransport:
    """Thespian's transport interface, over Unix sockets. One in each process of the system."""

    living: Final[set["UnixTransport"]] = set()
    _parents: Final[list["UnixTransport"]] = []

    def __init__(self, kind: Any, *arguments: Any) -> None:
        self._guardians: dict[str, bool] = {}  # path: whether it is the admin's
        self._is_logger = False
        assigned: str | None = None
        if isinstance(kind, ExternalInterfaceTransportInit):
            self._admin_path = address.admin_path(arguments[0])
        elif isinstance(kind, Endpoint):
            self._admin_path, assigned = kind.admin, kind.assigned
            if assigned is None:
                self._guardians = {kind.parent: kind.parent == kind.admin, kind.admin: True}
            self._is_logger = kind.instance == LOGGER_INSTANCE
        else:
            self._admin_path = arguments[0]
        self.adminAddress = address.address_at(self._admin_path)
        self._is_admin = assigned is not None
        self._folder = Path(self._admin_path).parent
        self._claim = address.claim_folder(self._folder)
        if self._is_admin:
            self._become_admin()
        self._path = assigned or address.new_path(self._folder)
        self.myAddress = address.address_at(self._path)
        self._hello = codec.hello(self._path)
        self._pid = os.getpid()
        self.loop = new_loop(is_actor=isinstance(kind, Endpoint) and not self._is_admin)
        self.lock = threading.RLock()  # an outside process may send from several threads
        self._thread: int | None = None  # the one that runs the loop
        self._links: dict[str, Outgoing] = {}
        self._incoming: set[Incoming] = set()
        self._lookout = Lookout() if isinstance(kind, Endpoint) and not self._is_admin else None
        self.inbox: deque[tuple[Any, Any, Incoming | None]] = deque()
        self._failed: deque[tuple[Any, Any]] = deque()
        self._watched: set[int] = set()
        self._wakeups = Wakeups(self.loop, self._deliver_own)
        self._address_manager: Any = None
        self._handler: Any = None
        self._is_running = False
        self._is_delivery_due = False
        self._result: Any = None
        self._error: BaseException | None = None
        self._abort: Any = None
        self._is_draining = False
        self._children_changed = self._exit_signalled = False
        self._listen()
        for path in self._guardians:
            self._guard(path)
        UnixTransport.living.add(self)

    def _become_admin(self) -> None:
        """Only one process may be the admin of a folder; an admin that died leaves its socket behind."""
        descriptor = os.open(self._folder / "admin.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._admin_lock = descriptor
        Path(self._admin_path).unlink(missing_ok=True)

    def _listen(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._listener.setblocking(False)
        self._listener.bind(self._path)
        self._listener.listen(LISTEN_BACKLOG)
        self.loop.add_reader(self._listener.fileno(), self._accept)

    # -- what Thespian asks for ------------------------------------------------------------------

    @staticmethod
    def getAdminAddr(capabilities: dict[str, Any]) -> Any:  # noqa: N802  Thespian's names, from here on
        """The address of a system's admin."""
        return address.address_at(address.admin_path(capabilities))

    @staticmethod
    def getAddressFromString(text: str) -> Any:  # noqa: N802
        """An address of this host. Raises InvalidActorAddress for any other."""
        if not str(text).startswith("/"):
            raise thespian.InvalidActorAddress(text, "this base has one host; others need the TCP base")
        return address.address_at(text)

    @staticmethod
    def getConventionAddress(_capabilities: dict[str, Any]) -> None:  # noqa: N802
        """There are no conventions on one host."""

    @staticmethod
    def probeAdmin(target: Any) -> bool:  # noqa: N802
        """Whether somebody listens at an admin's address."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)  # EAGAIN: many wait already to be let in
            return probe.connect_ex(target.addressDetails.path) in (0, errno.EAGAIN)

    def prepEndpoint(self, target: Any, _capabilities: dict[str, Any]) -> Endpoint:  # noqa: N802
        """What a child that is about to be started is told."""
        details = target.addressDetails
        if isinstance(details, ActorLocalAddress):
            return Endpoint(details.addressInstanceNum, None, self._path, self._admin_path)
        return Endpoint(None, details.path, self._path, self._admin_path)

    def address_of_nobody(self) -> Any:
        """An address at which nobody ever listens."""
        return address.address_at(address.new_path(self._folder))

    def connectEndpoint(self, endpoint: Endpoint) -> None:  # noqa: N802
        """Nothing to do: the child connects."""

    def external_transport_clone(self) -> "UnixTransport":
        """A transport of its own for one more thread of an outside process."""
        return UnixTransport(Clone(), self._admin_path)

    def setAddressManager(self, manager: Any) -> None:  # noqa: N802
        """Told once, by the layer above."""
        self._address_manager = manager

    def enableRXPauseFlowControl(self, enable: bool = True) -> None:  # noqa: FBT001, FBT002, N802
        """This transport never blocks a sender."""

    def lostRemote(self, target: Any) -> None:  # noqa: N802
        """There are no remote systems."""

    def protectedFileNumList(self) -> list[int]:  # noqa: N802
        """The descriptors of this transport."""
        found = [self._listener.fileno(), self._claim]
        found += [link.fileno() for link in list(self._links.values())]
        found += [link.fileno() for link in self._incoming]
        found += [self._lookout.fileno()] if self._lookout is not None else []
        return found + ([self._admin_lock] if self._is_admin else [])

    def childResetFileNumList(self) -> list[int]:  # noqa: N802
        """Nothing: a forked child has closed them before (`leave_to_parent`)."""
        return []

    @classmethod
    def leave_to_parent(cls) -> None:
        """In any forked child: close the copies of the parent's sockets, which would hide its death.

        The objects are kept: to destroy them would close descriptors that by then are others'.
        """
        for transport in cls.living:
            for descriptor in transport.protectedFileNumList():
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        cls._parents.extend(cls.living)
        cls.living.clear()

    def _updateStatusResponse(self, response: Any) -> None:  # noqa: N802
        response.addWakeups([(self.myAddress, timer) for timer in self._wakeups.pending()])
        for link in list(self._links.values()):
            for frame in link.unsent():
                kind = type(codec.CODEC.message_in(frame)).__name__
                response.addPendingMessage(self.myAddress, address.address_at(link.path), kind)
        for sender, message, _ in self.inbox:
            response.addReceivedMessage(sender, self.myAddress, type(message).__name__)

    def close(self) -> None:
        """Say goodbye to everybody and leave nothing behind."""
        if self._pid != os.getpid() or self not in UnixTransport.living:
            return
        UnixTransport.living.discard(self)
        self.loop.remove_reader(self._listener.fileno())
        self._listener.close()
        for incoming in list(self._incoming):
            incoming.close()
        if self._lookout is not None:
            self._lookout.close()
        for link in self._links.values():
            link.close()
        self.set_watch([])
        self.loop.close()
        Path(self._path).unlink(missing_ok=True)
        os.close(self._claim)
        if self._is_admin:
            os.close(self._admin_lock)
        address.remove_folder(self._folder)  # whoever is last

    # -- receiving -------------------------------------------------------------------------------

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            if is_own_user(sock):
                link = Incoming(sock, self.loop, self._on_message, self._on_closed)
                self._incoming.add(link)
                if self._lookout is not None:
                    self._lookout.add(link)
            else:
                sock.close()

    def _on_closed(self, link: Incoming) -> None:
        self._incoming.discard(link)
        if self._lookout is not None:
            self._lookout.discard(link)

    def _on_message(self, link: Incoming, message: Any) -> None:
        if isinstance(message, codec.Undecodable):
            logging.getLogger("openoutcry.transport").error("a message could not be read: %s", message.reason)
            link.took()
            poison = thespian.PoisonMessage(None, message.reason)
            with contextlib.suppress(MailboxFullError):
                self.scheduleTransmit(None, TransmitIntent(link.sender, poison))
            return
        self.inbox.append((link.sender, message, link))
        if len(self.inbox) > INBOX_MESSAGES_MAX:
            link.pause()
        self._deliver_soon()

    def _deliver_own(self, message: Any) -> None:
        self.inbox.append((self.myAddress, message, None))
        self._deliver_soon()

    def _deliver_soon(self) -> None:
        if not self._is_delivery_due and self._is_running:
            self._is_delivery_due = True
            self.loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        """Hand what has come to the handler, a turn's worth."""
        self._is_delivery_due = False
        if not self._is_running or self._handler is TransmitOnly:
            return
        link = None
        for _ in range(TURN_MESSAGES_MAX):
            if self._result is not None or not (self.inbox or self._sees_more_after(link)):
                break
            sender, message, link = self.inbox.popleft()
            self._hand_over(sender, message, link)
        if self.inbox:
            self._deliver_soon()
        elif any(link.is_paused for link in self._incoming):
            for link in self._incoming:
                link.resume()

    def _sees_more_after(self, link: Incoming | None) -> bool:
        """Whether more comes at once after a message of another process: before one goes to sleep."""
        if link is None or self._lookout is None or not self._lookout.has_seen():
            return False
        return bool(self.inbox)  # it may have been a goodbye, or a part of a message

    def _hand_over(self, sender: Any, message: Any, link: Incoming | None) -> None:
        envelope = Received(sender, message)
        if self._handler is None:
            self._finish(envelope)
        else:
            try:
                result = Thespian__Run_HandlerResult(self._handler(envelope))
            except BaseException as error:  # noqa: BLE001  raised again by run(), as Thespian expects
                self._error = error
                self._finish(Thespian__Run_Terminated())
                return
            if not result:
                self._finish(result)
        if link is not None:
            link.took()

    # -- sending ---------------------------------------------------------------------------------

    def scheduleTransmit(self, manager: Any, intent: Any, has_exclusive_flag: bool = False) -> None:  # noqa: FBT001, FBT002, N802
        """Send a message. `intent.tx_done` is called once, when it has left or cannot.

        Raises:
            CannotPickleAddress: the target is a child that is not up yet; Thespian tries again when it is.
            MailboxFullError: the target is too far behind.
            OSError: this process has no descriptor left for one more connection.
        """
        del has_exclusive_flag
        if manager:
            target, message = manager.prepMessageSend(intent.targetAddr, intent.message)
            if message is SendStatus.DeadTarget:
                intent.tx_done(SendStatus.Sent)
                return
            if not target:
                raise CannotPickleAddress(intent.targetAddr)
            intent.changeTargetAddr(target)
            intent.changeMessage(message)
        if isinstance(intent.message, Thespian__UpdateWork):
            intent.tx_done(SendStatus.Sent)
            return
        path = address.path_of(intent.targetAddr)
        if path == self._path:
            self.in_loop(self._deliver_own, intent.message)
            intent.tx_done(SendStatus.Sent)
            return
        try:
            is_sent = self._write(path, codec.CODEC.frame(intent.message))
        except MailboxFullError:
            if not isinstance(intent.message, logging.LogRecord):
                raise
            intent.tx_done(SendStatus.Failed)  # a line for the log is not worth an error
            return
        if is_sent:
            intent.tx_done(SendStatus.Sent)
        else:
            # Not at once: the caller has not yet taken note of what it waits for.
            self._failed.append((intent, SendStatus.DeadTarget))
            self.in_loop(self._fail_due)

    def send_struct(self, target: Any, message: Any) -> bool:
        """The short way for our own messages to a target that is known; False if it must be the long one."""
        details = target.addressDetails
        if type(details) is not address.UnixAddress or details.path == self._path:
            return False
        with self.lock:
            link = self._links.get(details.path)
            return link is not None and link.send(codec.CODEC.frame(message))

    def _write(self, path: str, frame: bytes) -> bool:
        with self.lock:
            link = self._links.get(path)
            if link is None:
                try:
                    link = Outgoing(path, self._hello, self)
                except OSError as error:
                    if error.errno in NO_DESCRIPTOR:
                        raise
                    return False
                self._links[path] = link
            return link.send(frame)

    def _fail_due(self) -> None:
        while self._failed:
            intent, status = self._failed.popleft()
            intent.tx_done(status)
        self.on_drained()

    def on_lost(self, link: Outgoing, in_order: bool) -> None:  # noqa: FBT001  a callback
        """A connection has gone. An admin that leaves in order has asked all it knows of to exit."""
        with self.lock:
            self._links.pop(link.path, None)
        for frame in link.untaken():
            self._dead_letter(link.path, frame)
        if not in_order or link.path == self._admin_path:
            self._guardian_lost(link.path)
        self.on_drained()

    def _dead_letter(self, path: str, frame: bytes) -> None:
        """Nobody will ever take this message: Thespian's dead letter handler may."""
        if path == self._admin_path:
            return
        message = codec.CODEC.message_in(frame)
        if isinstance(message, thespian.ActorSystemMessage | logging.LogRecord):
            return
        letter = thespian.DeadEnvelope(address.address_at(path), message)
        with contextlib.suppress(MailboxFullError):
            self.scheduleTransmit(None, TransmitIntent(self.adminAddress, letter))

    def deadAddress(self, _manager: Any, target: Any) -> None:  # noqa: N802
        """A child has exited, or does so now: nobody connects to it any more.

        The kernel ends our own connection when the process has ended, after its last word.
        """
        details = target.addressDetails
        if isinstance(details, ActorLocalAddress):
            known = self._address_manager.exportAddr(target) if self._address_manager else None
            details = known.addressDetails if known else details
        if isinstance(details, address.UnixAddress):
            Path(details.path).unlink(missing_ok=True)

    # -- guardians -------------------------------------------------------------------------------

    def _guard(self, path: str) -> None:
        """Hold a connection to a guardian: the kernel ends it when that process dies."""
        try:
            self._links[path] = Outgoing(path, self._hello, self)
        except OSError:
            self.loop.call_soon(self._guardian_lost, path)

    def _guardian_lost(self, path: str) -> None:
        is_admin = self._guardians.pop(path, None)
        if is_admin is None:
            return
        if self._is_logger:
            self._deliver_own(LoggerExitRequest())
        else:
            self._deliver_own(GuardianLost(address.address_at(path), is_admin=is_admin))

    def exit_after(self, delay_s: float) -> None:
        """Ask this process's actor to exit after a while."""
        self.loop.call_later(delay_s, self._deliver_own, thespian.ActorExitRequest())

    def finish(self, work: Coroutine[Any, Any, None]) -> None:
        """After the last run: let what still lives on the loop end in order."""
        with contextlib.suppress(TimeoutError):  # the process ends anyway
            self.loop.run_until_complete(asyncio.wait_for(work, LINGER_TIMEOUT_S))

    # -- running ---------------------------------------------------------------------------------

    def run(self, incomingHandler: Any, maximumDuration: Any = None) -> Any:  # noqa: N803
        """Work until the handler says to stop, the time is over or `abort_run` was called.

        With no handler the first message is returned. `TransmitOnly` returns 0 when nothing waits to be sent.
        """
        is_transmit_only = incomingHandler is TransmitOnly or isinstance(incomingHandler, TransmitOnly)
        self._handler = TransmitOnly if is_transmit_only else incomingHandler
        self._is_running, self._result, self._error = True, None, None
        self._thread = threading.get_ident()
        self.loop.call_soon(self._begin_turn)
        timer = None
        if maximumDuration is not None:
            seconds = max(0.0, timePeriodSeconds(maximumDuration))
            timer = self.loop.call_later(seconds, self._finish, Thespian__Run_Expired())
        try:
            with outside_of_any_loop():
                while self._result is None:
                    self.loop.run_forever()
        finally:
            self._is_running, self._is_delivery_due, self._thread = False, False, None
            self._abort = None
            if timer is not None:
                timer.cancel()
        if self._error is not None:
            raise self._error
        return 0 if self._result is TransmitOnly else self._result

    def _begin_turn(self) -> None:
        self._fail_due()
        self._take_signals()
        if self._abort is not None:
            self._finish_abort()
        if self.inbox:
            self._deliver_soon()
        self.on_drained()

    def _finish(self, result: Any) -> None:
        if self._is_running and self._result is None:
            self._result = result
            self.loop.stop()  # once: uvloop would keep a second stop for the next run

    def _has_backlog(self) -> bool:
        with self.lock:
            return any(link.backlog_bytes for link in self._links.values())

    def on_drained(self) -> None:
        """End a run that only waited for this."""
        if not self._is_running or self._has_backlog():
            return
        if self._handler is TransmitOnly:
            self._finish(TransmitOnly)
        elif self._abort is not None:
            self._finish(self._abort)

    def abort_run(self, drain: bool = False) -> None:  # noqa: FBT001, FBT002  Thespian's signature
        """End the present run, or the next one if there is none; with `drain` when all is sent."""
        self._abort, self._is_draining = Thespian__Run_Terminated(), drain
        self.in_loop(self._finish_abort)

    def _finish_abort(self) -> None:
        if self._abort is None:
            return
        if self._is_draining and self._has_backlog():
            self.loop.call_later(DRAIN_TIMEOUT_S, self._give_up_draining, self._abort)
        else:
            self._finish(self._abort)

    def _give_up_draining(self, abort: Any) -> None:
        if self._abort is abort:
            self._finish(abort)

    def interrupt_wait(self, signal_shutdown: bool = False, check_children: bool = False) -> None:  # noqa: FBT001, FBT002
        """Called by signal handlers: do as they say as soon as possible."""
        self._exit_signalled |= signal_shutdown
        self._children_changed |= check_children
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends anyway
            self.loop.call_soon_threadsafe(self._take_signals)

    def _take_signals(self) -> None:
        if self._children_changed:
            self._children_changed = False
            self._deliver_own(ChildMayHaveDied())
        if self._exit_signalled:
            self._exit_signalled = False
            self._deliver_own(thespian.ActorExitRequest())

    def in_loop(self, action: Callable[..., Any], *arguments: Any) -> None:
        """Soon, on the thread that runs the loop, now or next."""
        if self._thread == threading.get_ident():
            self.loop.call_soon(action, *arguments)
        else:
            self.loop.call_soon_threadsafe(action, *arguments)

    def addWakeup(self, period: Any, payload: Any) -> None:  # noqa: N802
        """Deliver a WakeupMessage after a period."""
        self._wakeups.add(period, payload)

    def set_watch(self, descriptors: list[int]) -> None:
        """Deliver a WatchMessage when one of these can be read. Called after every message."""
        if not descriptors and not self._watched:
            return
        wanted = set(descriptors)
        for descriptor in self._watched - wanted:
            with contextlib.suppress(OSError, ValueError):
                self.loop.remove_reader(descriptor)
        for descriptor in wanted - self._watched:
            self.loop.add_reader(descriptor, self._watch_ready, descriptor)
        self._watched = wanted

    def _watch_ready(self, descriptor: int) -> None:
        self.loop.remove_reader(descriptor)  # until the actor has seen it and asks again
        self._watched.discard(descriptor)
        self._deliver_own(thespian.WatchMessage([descriptor]))


class ActorSystemBase(multiprocessCommon):  # type: ignore[misc]  # Thespian has no types
    """The system base `multiprocUnixBase`, found by that name like Thespian's own."""

    transportType = UnixTransport  # noqa: N815  Thespian's name

    def __init__(self, system: Any, logDefs: Any = None) -> None:  # noqa: N803  Thespian's signature
        if system.capabilities.get(CONV_ADDR_IPV4_CAPABILITY):
            raise thespian.ActorSystemStartupFailure(
                f"{SYSTEM_BASE} has one host; remove {CONV_ADDR_IPV4_CAPABILITY!r}, or use the TCP base"
            )
        system.capabilities["Thespian ActorSystem Name"] = SYSTEM_BASE
        system.capabilities["Thespian ActorSystem Version"] = 1
        system.capabilities["Thespian Watch Supported"] = True
        super().__init__(system, logDefs)

    def shutdown(self) -> None:
        """Stop the whole system."""
        try:
            super().shutdown()
        finally:
            self.transport.close()  # Thespian does not if the admin has died

    def _startAdmin(self, *arguments: Any) -> None:  # noqa: N802  Thespian's name
        self.mpcontext = Processes()
        with one_thread_of_algebra(), contextlib.suppress(thespian.InvalidActorAddress):
            # If another process was faster, its admin is ours as well: the caller asks it.
            super()._startAdmin(*arguments)


os.register_at_fork(after_in_child=UnixTransport.leave_to_parent)

# Thespian imports `thespian.system.<name>`; this is that module.
sys.modules[f"thespian.system.{SYSTEM_BASE}"] = sys.modules[__name__]
