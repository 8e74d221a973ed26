"""The terminal interface. Import `drio_tui.ui.app.launch` to start it; nothing here imports textual by itself."""
