"""Running a tool and looking at what it returns."""
