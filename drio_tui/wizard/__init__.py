"""Making an app step by step: the answers so far, what they come to, and carrying that out without doing it twice.

Nothing here knows a terminal. A `Draft` holds everything a person answered and how far its creation got;
`draft_store` keeps it in a file; `template_parts` says what the app will have; `plan` derives the requests; `Executor`
sends them one after the other and can go on after any kind of end.
"""
