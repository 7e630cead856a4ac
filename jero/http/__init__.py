"""HTTP: headers, cookies, negotiation and the messages of ASGI. Of jero, only its errors are imported here."""
