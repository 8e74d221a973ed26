"""Reading a drio through API v3: its apps, and one of them."""
