"""An application for each subject: the same routes, each written as that framework's documentation recommends."""
