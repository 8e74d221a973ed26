"""`python -m drio_tui` is `drio-tui`."""

from drio_tui.cli import main

if __name__ == "__main__":
    main()
