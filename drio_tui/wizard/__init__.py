"""Creating an app step by step: the answers, the requests they lead to, and sending each of them only once.

No module here depends on the terminal. A `Draft` holds the user's answers and the progress of the creation;
`draft_store` keeps it in a file; `template_parts` lists what the app will contain; `plan` derives the requests;
`Executor` sends them one after the other and can resume after any interruption.
"""
