import logging

from openoutcry.actors import process_logging


def test_loggers_made_while_thespian_ruled_log_to_our_root_again():
    theirs = logging.Manager(logging.RootLogger(logging.WARNING))
    logger = theirs.getLogger("made.meanwhile")
    process_logging._adopt(theirs)
    try:
        assert logger.parent is logging.getLogger("made.meanwhile").parent
        assert logging.getLogger("made.meanwhile") is logger
    finally:
        del process_logging._MANAGER.loggerDict["made.meanwhile"]
