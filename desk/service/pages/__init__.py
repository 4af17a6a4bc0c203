"""The pages of the service: what a browser shows. They read; a form on them sends its change to a route of the API."""
