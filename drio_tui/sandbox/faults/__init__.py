"""The fault lab: faults that the sandbox injects into its own answers, by rules."""
