"""The terminal interface. Import `drio_tui.ui.launch` to start it; nothing here imports textual by itself."""
