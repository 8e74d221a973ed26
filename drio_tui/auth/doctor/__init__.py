"""The sign-in doctor: the chain of a sign-in and what it depends on, step by step, as a report without secrets."""
