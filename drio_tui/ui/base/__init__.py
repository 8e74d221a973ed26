"""What screens and widgets build on: connection, messages, key bindings, themes, and the use of Textual internals."""
