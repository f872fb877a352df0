"""The question before a halt: it has to be answered with a word, not with a key that slipped."""

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

WORD: Final = "halt"


class HaltQuestion(ModalScreen[bool]):
    """Ends with True if the word was typed, with False on escape; a wrong word is asked for again."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(False)", "Leave")]
    CSS = """
    HaltQuestion { align: center middle; }
    HaltQuestion > Vertical {
        width: 62; max-width: 90%; height: auto; padding: 1 2; background: $surface;
        border: round $error; border-title-color: $error;
    }
    HaltQuestion Label { width: 100%; margin-bottom: 1; }
    HaltQuestion #answer { color: $error; margin: 1 0 0 0; }
    """

    def compose(self) -> ComposeResult:
        """What will happen, and where to type."""
        box = Vertical(
            Label("No order will leave any more, and what rests is withdrawn, until `openoutcry resume`."),
            Label(f"Type `{WORD}` and Enter to halt; Escape leaves everything as it is."),
            Input(placeholder=WORD),
            Label("", id="answer"),
        )
        box.border_title = "halt"
        yield box

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the answer."""
        if event.value.strip() == WORD:
            self.dismiss(result=True)
            return
        event.input.clear()
        self.query_one("#answer", Label).update(f"That was not `{WORD}`: nothing was halted.")
