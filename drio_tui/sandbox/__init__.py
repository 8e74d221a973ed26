"""The sandbox: a local server with drio's API, over real HTTP, with real OAuth and a real database."""
