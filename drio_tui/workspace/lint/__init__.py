"""What is wrong with an app, or will be once it is deployed."""
