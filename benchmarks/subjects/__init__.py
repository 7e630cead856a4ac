"""One application a subject: the same routes, each written as that framework's documentation recommends."""
