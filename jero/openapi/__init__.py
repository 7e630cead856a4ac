"""The contract of an application, written out once, at startup, as an OpenAPI document; and the page that shows it."""
