"""Who may connect, and how: the file of ``--web.config.file`` in use."""
