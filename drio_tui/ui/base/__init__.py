"""What every screen and widget builds on."""
