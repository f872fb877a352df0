"""Thespian's layer between the transport and an actor, without its hidden costs and traps."""

import contextlib
import logging
from typing import Any, Final

import msgspec
import thespian.actors as thespian
from thespian.system import multiprocCommon
from thespian.system.transport import ReceiveEnvelope, SendStatus, TransmitIntent

from openoutcry.actors.transport.faults import let_faults_kill
from openoutcry.actors.transport.guardian import ORPHAN_GRACE_S, GuardianLost
from openoutcry.actors.transport.link import MailboxFullError

POISON_MESSAGES_MAX: Final = 1000  # kept for an actor that sends on and on to a full mailbox


class ActorLayer(multiprocCommon.MultiProcManager):  # type: ignore[misc]  # Thespian has no types
    """It neither describes each message in words nor sleeps when there are many, lets fault signals kill,
    tells a sender when a mailbox is full, and tells an actor when its guardian has died.
    """

    def run(self) -> None:
        """Run the actor until it exits."""
        let_faults_kill()
        super().run()
        linger = getattr(self.actorInst, "linger", None)
        if linger is not None:
            self.transport.finish(linger())

    # -- sending ---------------------------------------------------------------------------------

    def actor_send(self, targetAddr: Any, msg: Any) -> None:  # noqa: N803  Thespian's names
        """Send: our own messages the short way, if the target is known and keeps up."""
        if isinstance(msg, msgspec.Struct):
            with contextlib.suppress(MailboxFullError):  # the long way says what is wrong
                if self.transport.send_struct(targetAddr, msg):
                    return
        super().actor_send(targetAddr, msg)

    def _send_intent(self, intent: Any, curtime: Any = None) -> None:
        del curtime  # no throttle: every edge has its own bound
        self._send_intent_to_transport(intent)

    def _send_intent_to_transport(self, intent: Any) -> None:
        try:
            self.transport.scheduleTransmit(self._addrManager, intent)
        except MailboxFullError as error:
            self._refuse(intent, error)
        except Exception:  # noqa: BLE001  the general way knows what to do with it
            super()._send_intent_to_transport(intent)

    def _refuse(self, intent: Any, error: MailboxFullError) -> None:
        """Give the message back to the actor that sent it, as Thespian does with what cannot be sent.

        Raises:
            MailboxFullError: so many wait to be given back already that `send` itself must say so.
        """
        intent.tx_done(SendStatus.Failed)
        if isinstance(intent.message, thespian.ActorSystemMessage):
            return
        if len(self._receiveQueue) >= POISON_MESSAGES_MAX:
            raise error
        poison = thespian.PoisonMessage(intent.message, str(error))
        self._receiveQueue.append(ReceiveEnvelope(intent.targetAddr, poison))

    # -- receiving -------------------------------------------------------------------------------

    def handleMessages(self, envelope: Any) -> Any:  # noqa: N802  Thespian's name
        """Hand a message to the actor. Ours are handled once, whatever happens."""
        message = envelope.message
        if isinstance(message, msgspec.Struct) and not self._receiveQueue and not hasattr(self, "_exiting"):
            return self._handle_struct(message, envelope.sender)
        result = super().handleMessages(envelope)
        if isinstance(message, GuardianLost):
            self._exit_later()
        return result

    def _handle_struct(self, message: Any, sender: Any) -> Any:
        try:
            result = self.actorInst.receiveMessage(message, sender)
        except Exception as error:
            logging.getLogger(str(self._actorClass)).exception("an actor raised")
            self._send_intent(TransmitIntent(sender, thespian.PoisonMessage(message, repr(error))))
            result = None
        self.transport.set_watch(result.filenos if isinstance(result, thespian.ThespianWatch) else [])
        while self._receiveQueue:
            if not self._handleOneMessage(self._receiveQueue.pop(0)):
                return False
        return True

    def _childExited(self, childAddr: Any) -> None:  # noqa: N802, N803  Thespian's names
        """Forget one child. Thespian forgets all that are dead by now, so that of two which die together the
        second is never noticed.
        """

        def is_kept(child: Any) -> bool:
            known_as = getattr(child, "childRealAddr", child.childAddr)
            return bool(known_as != childAddr or self._checkChildLiveness(child))

        self._child_procs = [child for child in getattr(self, "_child_procs", []) if is_kept(child)]
        if self._addrManager.exportAddr(childAddr) is None:
            self._died_before_birth(childAddr.addressDetails.addressInstanceNum)

    def _died_before_birth(self, instance: int) -> None:
        """A child that was killed before it was up: what waits for it, or comes later, has a dead target."""
        nobody = self.transport.address_of_nobody()
        self._addrManager.associateUseableAddress(self.myAddress, instance, nobody)
        self._retryPendingChildOperations(instance, nobody)

    def _exit_later(self) -> None:
        grace_s = getattr(self.actorInst, "orphan_grace_s", ORPHAN_GRACE_S)
        self.transport.exit_after(grace_s)
