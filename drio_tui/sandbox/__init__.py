"""The sandbox: a faithful drio on this machine, with real HTTP, real OAuth and a real database."""
